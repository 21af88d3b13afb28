// Package vty is the terminal side of the command line: it reads keys, edits
// the line as Quagga's vty does, keeps the history, pages long output and
// hands each finished line to an [Interpreter].
//
// It works on an [io.Reader] and an [io.Writer] and must not know SSH, unix
// sockets, users or what any command means. Package cli calls it, once for
// each session: [Session] for a terminal, [RunLines] for piped input,
// [RunScript] for `ssh host "line; line"`.
package vty
