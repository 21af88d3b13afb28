package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/triggerd/triggerd/internal/config"
	"github.com/triggerd/triggerd/internal/daemon"
)

// defaultConfig is where the node's file is looked for.
const defaultConfig = "/etc/triggerd/triggerd.conf"

type configFlag struct{ path string }

func (f *configFlag) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.path, "config", "c", defaultConfig, "the node's `file`")
}

// load reads the file; warnings go to w. Every error has exit status 2.
func (f *configFlag) load(w io.Writer) (config.Node, error) {
	r, err := os.Open(f.path)
	if err != nil {
		return config.Node{}, &exitError{2, fmt.Errorf("reading the node's file: %w", err)}
	}
	defer r.Close()
	conf, warnings, err := config.Parse(f.path, r)
	for _, warning := range warnings {
		fmt.Fprintf(w, "%s:%d: warning: %s\n", f.path, warning.Line, warning.Text)
	}
	if err == nil {
		err = daemon.Check(conf)
	}
	if err != nil {
		return config.Node{}, &exitError{2, err}
	}
	return conf, nil
}

// loadForDoor is load for what only asks the node that runs. It runs with the file
// as it was, so an error in the file, which somebody may be editing, must not shut
// the operator out.
func (f *configFlag) loadForDoor(w io.Writer) (config.Node, error) {
	conf, err := f.load(w)
	text, unread := os.ReadFile(f.path)
	if err == nil || unread != nil {
		return conf, err
	}
	fmt.Fprintf(w, "triggerd: warning: %v\n", err)
	return config.Node{DataDir: dataDirectory(string(text))}, nil
}

// dataDirectory finds that one line in a file that may have errors.
func dataDirectory(text string) string {
	for line := range strings.Lines(text) {
		if dir, ok := strings.CutPrefix(strings.TrimSpace(line), "data-directory "); ok {
			return strings.TrimSpace(dir)
		}
	}
	return config.DefaultDataDir
}

func newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check a node's file",
		Long: `Check a node's file and print what is wrong with it: line, column, what was
expected. Exit status 0 when the node would start with it, 2 when not.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file := configFlag{path: args[0]}
			conf, err := file.load(os.Stderr)
			if err != nil {
				return err
			}
			n := 0
			if conf.BGP != nil {
				n = len(conf.BGP.Neighbors)
			}
			fmt.Printf("%s: node %s, %d neighbors: good\n", file.path, conf.Hostname, n)
			return nil
		},
	}
}
