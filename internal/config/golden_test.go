package config

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What becomes of whole files: the node as it is printed, and the warnings.
func TestWholeFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			node, warnings, err := Parse(filepath.Base(file), bytes.NewReader(data))
			var got strings.Builder
			if err != nil {
				fmt.Fprintf(&got, "%v\n", err)
			} else {
				got.WriteString(node.String())
			}
			for _, w := range warnings {
				fmt.Fprintf(&got, "line %d: %s\n", w.Line, w.Text)
			}
			golden := strings.TrimSuffix(file, ".conf") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("%s differs; got:\n%s", golden, got.String())
			}
		})
	}
}
