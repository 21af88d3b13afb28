package daemon

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/consensus"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// repair is the replicated side as its operator repairs it.
type repair struct{ node *consensus.Node }

func (r repair) Plan(ctx context.Context) (cli.RecoveryPlan, error) {
	p, err := r.node.PlanRecovery(ctx)
	return planOf(p), err
}

func (r repair) Recover(ctx context.Context, who rtbh.Actor, names []string) error {
	return outcome(r.node.Recover(ctx, who, names))
}

func (r repair) Backup(w io.Writer) error {
	_, err := r.node.Backup(w)
	return err
}

func (r repair) SetRole(ctx context.Context, who rtbh.Actor, name string, role rtbh.MemberRole) error {
	return outcome(r.node.SetRole(ctx, who, name, role))
}

func (r repair) SetAddress(ctx context.Context, who rtbh.Actor, name, addr string) error {
	if err := checkHostPort(addr); err != nil {
		return err
	}
	return outcome(r.node.SetAddress(ctx, who, name, addr))
}

func planOf(p consensus.RecoveryPlan) cli.RecoveryPlan {
	out := cli.RecoveryPlan{
		Node: p.Node, Generation: p.Generation, Answers: p.Answers, Excluded: silent(p.Excluded), Joining: p.Joining, Newer: p.Newer, Applied: p.Applied,
	}
	for _, t := range p.Tail {
		out.Tail = append(out.Tail, cli.TailEntry(t))
	}
	return out
}

// Recover makes a node the only voter: the one that runs here by its own door,
// a stopped one in its directory. Without names it prints what would be done.
func Recover(ctx context.Context, c config.Node, names []string, version string, out io.Writer, log *slog.Logger) (status int, err error) {
	status, err = CLI(ctx, c, strings.TrimSpace("cluster recover "+strings.Join(names, " ")), strings.NewReader(""), out)
	if !errors.Is(err, cli.ErrNoDoor) {
		return status, err
	}
	st, err := consensus.OpenStopped(consensus.Options{Dir: c.DataDir, Advertise: advertised(c), Version: version, Log: log})
	if err != nil {
		return 1, fmt.Errorf("opening %s: %w", c.DataDir, err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if len(names) == 0 {
		p, err := st.Plan(ctx)
		if err != nil {
			return 1, err
		}
		fmt.Fprintln(out, "This node does not run; it is recovered in its directory.")
		cli.PrintRecoveryPlan(out, planOf(p), "triggerd recover ")
		return 0, nil
	}
	if err := st.Recover(ctx, names); err != nil {
		return 1, err
	}
	fmt.Fprintln(out, "Recovered: this node is the cluster's only voter when it is started.")
	return 0, nil
}

// Backup asks the node that runs here for its replicated state, checks it and
// writes it to a file, which is replaced only by a whole one.
func Backup(ctx context.Context, c config.Node, path string) (consensus.BackupInfo, error) {
	var text bytes.Buffer
	status, err := CLI(ctx, c, "cluster backup", strings.NewReader(""), &text)
	if err != nil {
		return consensus.BackupInfo{}, err
	}
	if status != 0 {
		return consensus.BackupInfo{}, errors.New(strings.TrimPrefix(strings.TrimSpace(text.String()), "% "))
	}
	raw, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, &text)) // it skips line ends
	if err != nil {
		return consensus.BackupInfo{}, fmt.Errorf("reading the backup: %w", err)
	}
	info, err := consensus.CheckBackup(bytes.NewReader(raw))
	if err != nil {
		return info, err
	}
	return info, replaceFile(path, raw)
}

// replaceFile writes a file that only its owner may read, whole or not at all.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error before it is the one to tell
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Restore makes a new cluster with this node as its first member, with the
// customers, users, route-maps and blackholes of a backup.
func Restore(c config.Node, path, version string, log *slog.Logger) (consensus.BackupInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return consensus.BackupInfo{}, fmt.Errorf("opening the backup: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return consensus.Restore(consensus.InitOptions{
		Dir: c.DataDir, Name: c.Hostname, Advertise: advertised(c), Version: version, Log: log,
	}, f)
}

// checkHostPort says what is wrong with an address that members shall dial.
func checkHostPort(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("%q is no address that the others can dial: give HOST:PORT", addr)
	}
	return nil
}
