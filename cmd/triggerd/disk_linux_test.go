package main

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/triggerd/triggerd/testenv"
)

// mountSmall puts a file system of 2 MB at the path.
func mountSmall(t testing.TB, path string) {
	t.Helper()
	testenv.Require(t, testenv.Root)
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, "size=2m,mode=0700"); err != nil {
		t.Skipf("no small file system to be had: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
}

// fill writes until nothing fits any more.
func fill(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
