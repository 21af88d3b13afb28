package cli

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestHostKeysStayTheSame(t *testing.T) {
	needOpenSSH(t)
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := LoadHostKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range hostKeyFiles {
		path := filepath.Join(dir, f.name)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.name, info.Mode(), err)
		}
		out, err := exec.Command("ssh-keygen", "-y", "-f", path).Output()
		public, _ := os.ReadFile(path + ".pub")
		if err != nil || strings.Fields(string(out))[1] != strings.Fields(string(public))[1] {
			t.Errorf("%s: ssh-keygen reads another key: %v", f.name, err)
		}
	}
	again, err := LoadHostKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range first {
		a, _ := ssh.NewPublicKey(first[i].Public())
		b, _ := ssh.NewPublicKey(again[i].Public())
		if !bytes.Equal(a.Marshal(), b.Marshal()) {
			t.Errorf("host key %d has changed", i)
		}
	}
}

func TestBrokenHostKeysAreNotReplaced(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"torn":            func(path string) error { return os.Truncate(path, 40) },
		"empty":           func(path string) error { return os.Truncate(path, 0) },
		"open to others":  func(path string) error { return os.Chmod(path, 0o644) },
		"of another kind": func(path string) error { return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "X"}), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := LoadHostKeys(dir); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, hostKeyFiles[0].name)
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			if _, err := LoadHostKeys(dir); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "remove it to have a new one made") {
				t.Errorf("no error that names the file and what to do: %v", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was written over")
			}
		})
	}
}
