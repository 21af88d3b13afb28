//go:build !triggerd_next

package consensus

import "github.com/triggerd/triggerd/internal/rtbh"

// newest is a command that the next version brings; this binary has none.
func newest(string) rtbh.Command { return nil }

func isNewest(rtbh.Command) bool { return false }
