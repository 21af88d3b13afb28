package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/triggerd/triggerd/cli"
	"github.com/triggerd/triggerd/internal/config"
)

// Subcommand runs a subcommand of triggerd to its end and returns what it printed.
func Subcommand(ctx context.Context, binary string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("triggerd %s: %w: %s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String(), nil
}

// Type types lines at the own door of a running node and returns what it printed;
// an exit status other than 0 is an error.
func Type(ctx context.Context, node *config.Node, lines ...string) (string, error) {
	var out bytes.Buffer
	client := cli.LocalClient{
		Path:  filepath.Join(node.DataDir, "triggerd.sock"),
		Stdin: strings.NewReader(strings.Join(lines, "\n") + "\n"), Stdout: &out,
	}
	if len(lines) == 1 {
		client.Script = &lines[0]
	}
	status, err := client.Run(ctx)
	if err == nil && status != 0 {
		err = fmt.Errorf("status %d: %s", status, &out)
	}
	return out.String(), err
}

// Ask types a question that is answered in JSON.
func Ask(ctx context.Context, node *config.Node, question string, into any) error {
	out, err := Type(ctx, node, question)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("%s at %s: %w", question, node.Hostname, err)
	}
	return nil
}
