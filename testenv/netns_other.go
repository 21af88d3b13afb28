//go:build !linux

package testenv

import "errors"

// inNamespace exists on Linux only; Require(t, Root) has skipped the test before.
func inNamespace(string, func() error) error {
	return errors.New("network namespaces exist on Linux only")
}
