// Package grammar is the engine of the command line: commands are data, rows
// of a [Table], and parsing, abbreviations, what `?` and Tab show, `list`, the
// role filter and the manual all come from that one table.
//
// It must not know what any command does, who is logged in, or what a terminal
// is; it reads no files and holds no state. A table is built once and never
// changes, so every session may use it at the same time. cli (the commands of
// customers and operators) and internal/config (the node's file) call it, each
// with its own execution context C.
//
// # Patterns
//
// A pattern is a line of elements separated by spaces:
//
//	show ip bgp            keywords; the first letter is lower case
//	A.B.C.D  A.B.C.D/M     an IPv4 address, an IPv4 prefix
//	X:X::X:X X:X::X:X/M    an IPv6 address, an IPv6 prefix
//	(1-4294967295)         a decimal number in that range; shown as <1-4294967295>
//	WORD NAME AA:NN LABEL  one free word; any name in capitals, shown as written
//	LINE                   the rest of the line; nothing may follow it
//	<in|out>               one of these; a branch may be several elements
//	[route-map NAME]       optional
//	{a X|b Y}              at least one of these, in any order, each at most once
//	[{a X|b Y}]            the same, or none of them
//	AA:NN...               one or more of the element before the dots
//	WORD$name              the element's value is found as `name` in the [Match]
//
// Without `$name` a value is found under its own text ("A.B.C.D/M"), and every
// keyword that was given is found under its own text too, so that
// m.Has("no") tells the two halves of `[no] neighbor ...` apart (a `$name` wins
// over a keyword that reads the same). `$name` after
// a bracket, as in <in|out>$way, names whatever single element was matched in it.
//
// Prefixes keep the host bits that were typed: 192.0.2.77/24 is a value of
// A.B.C.D/M, and whoever runs the command says that it is refused. Addresses
// never carry a zone. Free words and lines hold readable UTF-8 only: a control
// character makes them no match.
//
// # Matching
//
// All ways to read the whole line are compared token by token: values before
// exact keywords before abbreviated keywords before free words before lines.
// Two best readings that differ are ambiguous. A row that enters a mode is also
// found from the modes below its own (`route-map X permit 10` typed in
// config-router), nearest first; a Mode that is Open offers all its rows so.
//
// A hidden row's keywords cannot be abbreviated, so that it stands in the way of no
// abbreviation of a row that is shown.
//
// Lines that start with ! or # are comments: [Table.Parse] answers [ErrBlank]
// for them and for empty lines. Pipes (`| include X`) and `do` are not known
// here: cli strips both before it asks.
package grammar
