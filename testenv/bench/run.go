package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"time"
)

// section measures one question.
type section struct {
	name  string
	title string
	text  string
	parts func(*env) []string // its tables, as in ONLY
	rows  func() []string     // and their rows; nil = they can't be chosen
	run   func(context.Context, *env, *Section) error
}

// Run measures what the options ask for. The report is of what was done also when
// there is an error.
func Run(ctx context.Context, opt Options, namespace bool) (*Report, error) {
	e := &env{opt: opt, effort: opt.effort(), namespace: namespace, skipped: map[string]bool{}}
	e.port = 17000
	e.report = &Report{Date: time.Now().UTC(), Machine: machine(), Load: load(), Quick: opt.Quick, Network: "traffic on the machine's own loopback"}
	if namespace {
		e.report.Network = "traffic in a network namespace of its own"
	}
	var err error
	if e.report.Version, err = versionOf(opt.Binary, "version"); err != nil {
		return e.report, err
	}
	e.report.Version = strings.TrimPrefix(e.report.Version, "triggerd ")
	if e.dir = opt.Dir; e.dir == "" {
		if e.dir, err = os.MkdirTemp("", "triggerd-bench-"); err != nil {
			return e.report, err
		}
		defer func() { _ = os.RemoveAll(e.dir) }()
	}
	if err := errors.Join(os.MkdirAll(e.dir, 0o755), os.Chmod(e.dir, 0o755)); err != nil { // FRR's daemons run as another user
		return e.report, err
	}
	if e.routers, err = newReceivers(); err != nil {
		return e.report, err
	}
	defer e.routers.close()
	defer e.ground.close()
	e.peers()
	return e.report, e.sections(ctx)
}

// sections runs those that are asked for.
func (e *env) sections(ctx context.Context) error {
	var failed error
	for _, s := range sections() {
		if !e.asked(s) {
			continue
		}
		e.say("section %s: %s", s.name, s.title)
		out := Section{Name: s.name, Title: s.title, Text: strings.Join(strings.Fields(s.text), " "), Whole: e.opt.Only == nil || e.opt.Only.MatchString(s.name+"/")}
		err := s.run(ctx, e, &out)
		e.report.Sections = append(e.report.Sections, out)
		if ctx.Err() != nil {
			return errors.Join(failed, ctx.Err())
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// asked tells whether anything of a section was asked for.
func (e *env) asked(s section) bool {
	if e.opt.wants(s.name + "/") {
		return true
	}
	for _, p := range s.parts(e) {
		if e.opt.wants(s.name + "/" + p + "/") {
			return true
		}
		for _, row := range s.rowNames() {
			if e.opt.wants(s.name + "/" + p + "/" + row) {
				return true
			}
		}
	}
	return false
}

func (s section) rowNames() []string {
	if s.rows == nil {
		return nil
	}
	return s.rows()
}

// peers notes the versions of those that are here, and who is not.
func (e *env) peers() {
	for _, name := range []string{"frr", "bird", "exabgp", "openbgpd", "gobgpd"} {
		k, ok := kinds()[name]
		if !ok || !e.able(name) {
			continue
		}
		v, err := versionOf(k.version[0], k.version[1:]...)
		if err != nil {
			v = name
		}
		e.report.Peers = append(e.report.Peers, v)
	}
}

// versionOf is the first line that a program prints about itself.
func versionOf(name string, args ...string) (string, error) {
	file, err := program(name)
	if err != nil {
		file = name
	}
	out, err := exec.Command(file, args...).CombinedOutput()
	line, _, _ := bytes.Cut(bytes.TrimSpace(out), []byte("\n"))
	if len(line) == 0 && err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(line)), nil
}

// List names what Only chooses from: a part a line, with its rows.
func List(opt Options) string {
	e := &env{opt: opt, effort: opt.effort()}
	var b strings.Builder
	for _, s := range sections() {
		for _, p := range s.parts(e) {
			b.WriteString(strings.TrimSpace(s.name+"/"+p+"/ "+strings.Join(s.rowNames(), " ")) + "\n")
		}
	}
	return b.String()
}
