package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/alarm"
	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/rtbh"
)

// socketPath is where a node's own door is.
func socketPath(c config.Node) string { return filepath.Join(c.DataDir, "triggerd.sock") }

// openLocalDoor serves the operator's door on the machine itself.
func (d *Daemon) openLocalDoor(ctx context.Context, shells cli.Shells, sessions *cli.SessionList) error {
	c := d.conf.Current()
	door, err := cli.ListenLocal(cli.LocalOptions{
		Path: socketPath(c), Shells: shells, Sessions: sessions, Log: d.log, Greeting: d.greeting, ExecTimeout: c.SSH.ExecTimeout,
	})
	if err != nil {
		return fmt.Errorf("opening the local door: %w", err)
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := door.Serve(serving); err != nil {
			d.alarms.Raise(alarm.DaemonFault, "local door", err.Error())
		}
	}()
	d.onClose(func(ctx context.Context) error {
		stop()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("closing the local door: %w", ctx.Err())
		}
	})
	return nil
}

// CLI has one session at the local door of the node that runs here, and
// returns its exit status. lines "" reads in, which may be a terminal.
func CLI(ctx context.Context, c config.Node, lines string, in io.Reader, out io.Writer) (int, error) {
	client := cli.LocalClient{Path: socketPath(c), Stdin: in, Stdout: out}
	if lines != "" {
		client.Script = &lines
	}
	return client.Run(ctx)
}

// AskToken asks the node that runs here for a join token.
func AskToken(ctx context.Context, c config.Node, role, name string) (string, error) {
	if _, ok := map[string]rtbh.MemberRole{"voter": rtbh.Voter, "witness": rtbh.Witness, "speaker": rtbh.Speaker}[role]; !ok {
		return "", fmt.Errorf("%q is no role; use voter, witness or speaker", role)
	}
	if strings.ContainsAny(name, " ;\t\r\n") {
		return "", fmt.Errorf("%q is no name for a node", name)
	}
	var out strings.Builder
	status, err := CLI(ctx, c, strings.TrimSpace("cluster token "+role+" "+name), strings.NewReader(""), &out)
	token, _, _ := strings.Cut(out.String(), "\n")
	switch {
	case err != nil:
		return "", err
	case status != 0:
		return "", errors.New(strings.TrimPrefix(strings.TrimSpace(out.String()), "% "))
	}
	return strings.TrimSpace(token), nil
}
