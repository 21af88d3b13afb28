package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Whatever bytes a file has, it is refused with a place in it, or it is a node that
// prints as itself.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.conf")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(router + " neighbor G peer-group\n neighbor ::1 peer-group G\n neighbor G local-as 1\n"))
	f.Add([]byte("hostname \x00\r\n\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, warnings, err := Parse("f", strings.NewReader(string(data)))
		lines := strings.Count(string(data), "\n") + 1
		for _, w := range warnings {
			if w.Line < 1 || w.Line > lines || w.Text == "" {
				t.Fatalf("warning %+v of %d lines", w, lines)
			}
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line > lines || e.File != "f" || e.Text == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		again, _, err := Parse("again", strings.NewReader(n.String()))
		if err != nil || !reflect.DeepEqual(again, n) {
			t.Fatalf("%v\n%+v\n%+v\n%s", err, n, again, n)
		}
	})
}
