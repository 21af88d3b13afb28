package cli

import (
	"os"
	"strings"
	"testing"
)

// TestManualIsCurrent: docs/cli.md says what the table says.
func TestManualIsCurrent(t *testing.T) {
	const file = "../docs/cli.md"
	page := ManualPage()
	if *update {
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	was, err := os.ReadFile(file)
	if err != nil || string(was) != page {
		t.Errorf("%s is not what the commands are (%v); run: go test ./cli -run Manual -update", file, err)
	}
}

// TestManualHasEveryCommand: none is lost among those that several modes share.
func TestManualHasEveryCommand(t *testing.T) {
	page := ManualPage()
	for _, e := range Manual() {
		if !strings.Contains(page, "### `"+e.Command+"`\n") {
			t.Errorf("%s is missing", e.Command)
		}
	}
}
