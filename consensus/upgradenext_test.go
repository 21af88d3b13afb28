//go:build triggerd_next

package consensus

import "github.com/triggerd/triggerd/internal/rtbh"

// newest is a command that the next version brings.
func newest(text string) rtbh.Command { return rtbh.Next{Text: text} }

func isNewest(c rtbh.Command) bool { _, ok := c.(rtbh.Next); return ok }
