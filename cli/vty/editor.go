package vty

import (
	"bufio"
	"slices"
	"strconv"
)

// editor is the line being typed and its picture on the terminal. While the
// line fits its row it writes exactly what Quagga's vty writes: the characters
// themselves, spaces and backspaces. Only a line that wraps needs escape
// sequences, to get back up a row.
type editor struct {
	w      *bufio.Writer
	mute   bool // the line is kept but nothing is shown (see Outcome.Hush)
	prompt []rune
	line   []rune
	cur    int // index into line
	cols   int // 0 = no wrapping

	// Where the terminal's cursor is, counted from where the prompt began.
	// col == cols means that the last column has just been written and that
	// the terminal will wrap with the next character.
	row, col int
}

// begin prints the prompt and starts an empty line.
func (e *editor) begin(prompt string, cols int) {
	e.prompt, e.cols = []rune(printable(prompt)), cols
	e.line, e.cur = e.line[:0], 0
	e.row, e.col = 0, 0
	e.show(e.prompt)
}

// resume prints the prompt and the line again, with the cursor at its end, as
// after the output of `?`.
func (e *editor) resume(prompt string, cols int) {
	e.mute = false
	line := e.line
	e.begin(prompt, cols)
	e.line = line
	e.moveTo(len(line))
}

// resize takes a new width; the terminal has laid the line out again itself.
func (e *editor) resize(cols int) {
	if cols == e.cols {
		return
	}
	e.cols = cols
	e.row, e.col = e.place(e.cur)
}

// raw writes bytes that do not move the tracked cursor.
func (e *editor) raw(s string) {
	if !e.mute {
		_, _ = e.w.WriteString(s) // the session sees the error at its next flush
	}
}

// show writes characters and follows the cursor.
func (e *editor) show(rs []rune) {
	for _, r := range rs {
		e.row, e.col = e.after(e.row, e.col, r)
		if !e.mute {
			_, _ = e.w.WriteRune(r)
		}
	}
}

// after is where the cursor stands once r has been written at row, col.
func (e *editor) after(row, col int, r rune) (int, int) {
	n := cells(r)
	if e.cols > 0 && col+n > e.cols {
		row, col = row+1, 0
	}
	return row, col + n
}

// place is where the cursor stands before line[i].
func (e *editor) place(i int) (row, col int) {
	for _, r := range e.prompt {
		row, col = e.after(row, col, r)
	}
	for _, r := range e.line[:i] {
		row, col = e.after(row, col, r)
	}
	return row, col
}

// fits tells whether prompt and line stay on one row.
func (e *editor) fits() bool {
	return e.cols == 0 || e.row == 0 && e.col+width(e.line[e.cur:]) <= e.cols
}

// backs writes n backspaces.
func (e *editor) backs(n int) {
	for range n {
		e.raw("\b")
	}
}

// moveTo moves the cursor to line[i]: to the right by writing the characters
// again, to the left by backspaces, and by escape sequences where that leads
// to an earlier row.
func (e *editor) moveTo(i int) {
	if i >= e.cur {
		e.show(e.line[e.cur:i])
		e.cur = i
		return
	}
	if e.row == 0 {
		e.leftTo(e.col-width(e.line[i:e.cur]), i)
		e.cur = i
		return
	}
	row, col := e.place(i)
	if e.cols > 0 && col == e.cols { // there is a character there, on the next row
		row, col = row+1, 0
	}
	if up := e.row - row; up > 0 {
		e.raw("\x1b[" + strconv.Itoa(up) + "A")
	}
	e.row = row
	e.leftTo(col, i)
	e.cur = i
}

// physical is the column that the terminal's cursor is really in: in the last
// one while a wrap is pending.
func (e *editor) physical() int {
	if e.cols > 0 && e.col >= e.cols {
		return e.cols - 1
	}
	return e.col
}

// leftTo moves to column to of the row, where line[i] is; within a row that is
// always to the left, but coming up from a lower row it can be to the right.
func (e *editor) leftTo(to, i int) {
	now := e.physical()
	switch {
	case to < now || to == e.col:
		e.backs(now - to)
	case e.row > 0 || to > now:
		e.raw("\r\x1b[" + strconv.Itoa(to) + "C")
	default:
		// In the last column, where it has just written, the terminal is about
		// to wrap; a backspace would go one too far.
		e.raw("\r")
		e.raw(string(e.prompt) + string(e.line[:i]))
	}
	e.col = to
}

// insert puts rs at the cursor.
func (e *editor) insert(rs ...rune) {
	tail := e.cur < len(e.line)
	e.line = slices.Insert(e.line, e.cur, rs...)
	at := e.snap(e.cur + len(rs))
	if tail && !e.fits() {
		e.clearBelow()
	}
	e.moveTo(len(e.line))
	e.moveTo(at)
}

// remove deletes line[i:j] and leaves the cursor at i.
func (e *editor) remove(i, j int) {
	if i == j {
		return
	}
	e.moveTo(i)
	oneRow, gone := e.fits(), width(e.line[i:j])
	e.line = slices.Delete(e.line, i, j)
	if !oneRow {
		e.clearBelow()
	}
	e.moveTo(len(e.line))
	if oneRow {
		e.blank(gone)
	}
	e.moveTo(i)
}

// blank writes n spaces and goes back.
func (e *editor) blank(n int) {
	for range n {
		e.raw(" ")
	}
	e.col += n
	e.leftTo(e.col-n, e.cur)
}

// clearBelow erases everything from the cursor on, for a line of several rows
// that is written again: a wide character that does not fit at the end of a
// row leaves a cell there that would show what was in it before.
func (e *editor) clearBelow() {
	if e.col == e.cols { // the wrap is still to come: erasing would take the last character
		e.raw(" \r")
		e.row, e.col = e.row+1, 0
	}
	e.raw("\x1b[J")
}

// set replaces the whole line and leaves the cursor at its end.
func (e *editor) set(rs []rune) {
	e.remove(0, len(e.line))
	e.insert(rs...)
}

// newline moves to the row below the line, wherever in it the cursor is.
func (e *editor) newline() {
	last, _ := e.place(len(e.line))
	for range last - e.row {
		e.raw("\r\n")
	}
	e.raw("\r\n")
}

// snap is the next position at or behind i that is not before a mark that
// combines with the character to its left. The cursor is never elsewhere.
func (e *editor) snap(i int) int {
	for i < len(e.line) && cells(e.line[i]) == 0 {
		i++
	}
	return i
}

// left and right are the cursor positions beside i.
func (e *editor) left(i int) int {
	for i > 0 {
		i--
		if cells(e.line[i]) > 0 {
			break
		}
	}
	return i
}

func (e *editor) right(i int) int {
	return e.snap(min(i+1, len(e.line)))
}
