package testenv

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// builtDir is where triggerdBinary has put the binary; "" when it has not.
var builtDir string

// triggerdBinary builds the daemon once per test process. TESTENV_TRIGGERD names a
// binary to be taken instead, for trying out a release.
var triggerdBinary = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("TESTENV_TRIGGERD"); given != "" {
		return filepath.Abs(given)
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	builtDir = filepath.Join(os.TempDir(), family+owner()+"-bin")
	if err := os.Mkdir(builtDir, 0o755); err != nil {
		return "", err
	}
	binary := filepath.Join(builtDir, "triggerd")
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/triggerd")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/triggerd: %w\n%s", err, out)
	}
	return binary, nil
})

// nextTriggerd is another build of the same source, as after an upgrade: its
// version, and so its file, differ.
var nextTriggerd = sync.OnceValues(func() (string, error) {
	current, err := triggerdBinary()
	if err != nil || builtDir == "" {
		return current, err // a given binary is upgraded to itself
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(builtDir, "triggerd-next")
	cmd := exec.Command("go", "build", "-ldflags", "-X main.version=lab-next", "-o", binary, "./cmd/triggerd")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/triggerd: %w\n%s", err, out)
	}
	return binary, nil
})

// RequireTriggerd builds the daemon; a daemon that does not build is a failure,
// never a skip.
func RequireTriggerd(t testing.TB) string {
	t.Helper()
	binary, err := triggerdBinary()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func removeBuilt() {
	if builtDir != "" {
		_ = os.RemoveAll(builtDir)
	}
}

// moduleRoot is the directory of go.mod, above the package that is tested.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("not inside the module")
	}
	return filepath.Dir(mod), nil
}
