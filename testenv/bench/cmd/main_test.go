package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/triggerd/triggerd/testenv"
	"github.com/triggerd/triggerd/testenv/bench"
)

// asCommand makes the test's own program the command.
const asCommand = "TRIGGERD_BENCH_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run())
	}
	testenv.Main(m)
}

// command runs the command and returns what it wrote as JSON and printed.
func command(t *testing.T, args ...string) (r bench.Report, printed string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.json")
	cmd := exec.Command(os.Args[0], append([]string{"-json", file, "-binary", testenv.RequireTriggerd(t)}, args...)...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, &said)
	}
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, string(out)
}

// One try of triggerd and one of BIRD, from the command line to the tables.
func TestOneTryOfEachOfTwo(t *testing.T) {
	r, printed := command(t, "-quick", "-tries", "1", "-only", "^one/alone/(triggerd-ssh|bird)$")
	if len(r.Sections) != 1 || len(r.Sections[0].Tables) != 1 || len(r.Sections[0].Tables[0].Rows) != 2 {
		t.Fatalf("want one table of two rows:\n%s", printed)
	}
	rows := r.Sections[0].Tables[0].Rows
	for i, c := range rows[0].Cells[1:] {
		if c.N != 1 || c.P50 == nil || *c.P50 <= 0 {
			t.Errorf("triggerd, column %d: %+v", i+1, c)
		}
	}
	if len(r.Skipped) > 0 {
		testenv.Require(t, testenv.Root, "bird2") // then it is right that BIRD did not run
		t.Fatalf("BIRD did not run though it could: %v", r.Skipped)
	}
	for _, i := range []int{1, 2, 4, 5} {
		if c := rows[1].Cells[i]; c.N != 1 || c.P50 == nil {
			t.Errorf("BIRD, column %d: %+v", i, c)
		}
	}
	if c := rows[1].Cells[3]; c.N != 0 {
		t.Errorf("BIRD has no second node, yet: %+v", c)
	}
	if r.Sections[0].Whole {
		t.Error("two rows are taken for the whole section")
	}
	for _, want := range []string{"| triggerd, live SSH session |", "| BIRD, `birdc configure`", "Beside it: "} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q was not printed:\n%s", want, printed)
		}
	}
}

// Many at once, and a kill -9 of the leader.
func TestBulkAndAKill(t *testing.T) {
	r, printed := command(t, "-quick", "-only", "^(bulk/1000/triggerd-bulk|restart/1000/triggerd-leader)$")
	if len(r.Sections) != 2 {
		t.Fatalf("want two sections:\n%s", printed)
	}
	for i, c := range r.Sections[0].Tables[0].Rows[0].Cells[:4] {
		if c.Value == nil || *c.Value <= 0 {
			t.Errorf("bulk, column %d: %+v", i, c)
		}
	}
	row := r.Sections[1].Tables[0].Rows[0]
	for i, c := range row.Cells[1:] {
		if c.N != 1 || c.P50 == nil {
			t.Errorf("kill, column %d: %+v", i+1, c)
		}
	}
	if without := row.Cells[1]; without.Max == nil || *without.Max != 0 {
		t.Errorf("a router was without a route that two triggers announce: %+v", without)
	}
}

// Of two FRR the second dies: while the customer types at the first, and with many
// routes, all of which come back.
func TestTheSecondOfTwoFRRDies(t *testing.T) {
	testenv.Require(t, testenv.Root, "frr")
	r, printed := command(t, "-quick", "-tries", "2", "-only", "^(one/follower/frr-sync|restart/1000/frr-sync-second)$")
	if len(r.Sections) != 2 {
		t.Fatalf("want two sections:\n%s", printed)
	}
	row := r.Sections[0].Tables[0].Rows[0]
	for _, i := range []int{1, 2, 4, 5} {
		if c := row.Cells[i]; c.N != 2 || c.P50 == nil {
			t.Errorf("typed at the first, column %d: %+v", i, c)
		}
	}
	if !strings.Contains(row.Cells[0].Note, "killed and started") {
		t.Errorf("it does not say how often: %+v", row.Cells[0])
	}
	for i, c := range r.Sections[1].Tables[0].Rows[0].Cells[1:] {
		if c.N != 1 || c.P50 == nil {
			t.Errorf("kill, column %d: %+v", i+1, c)
		}
	}
}
