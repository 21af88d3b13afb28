package vty

import "unicode/utf8"

// edit does what the keys do that only change the line, in Quagga's way: words
// end at spaces, and each deleted character is rubbed out by itself. It tells
// whether k was such a key.
func (e *editor) edit(k key) bool {
	switch k.kind {
	case keyText:
		if e.cur == 0 && cells(k.r) == 0 {
			k.r = utf8.RuneError // a mark needs a character to combine with
		}
		e.insert(k.r)
	case keyLeft:
		e.moveTo(e.left(e.cur))
	case keyRight:
		e.moveTo(e.right(e.cur))
	case keyHome:
		e.moveTo(0)
	case keyEnd:
		e.moveTo(len(e.line))
	case keyWordLeft:
		e.moveTo(e.wordLeft())
	case keyWordRight:
		e.moveTo(e.wordRight())
	case keyBackspace:
		e.remove(e.left(e.cur), e.cur)
	case keyDelete, keyCtrlD:
		e.remove(e.cur, e.right(e.cur))
	case keyKillRest:
		e.remove(e.cur, len(e.line))
	case keyKillLine:
		e.remove(0, len(e.line))
	case keyKillWord:
		e.killBack(e.wordLeft())
	case keyKillNext:
		e.killNext(e.nextWordEnd())
	case keyTranspose:
		e.transpose()
	default:
		return false
	}
	return true
}

// wordLeft is the beginning of the word before the cursor.
func (e *editor) wordLeft() int {
	i := e.cur
	for i > 0 && e.line[i-1] == ' ' {
		i--
	}
	for i > 0 && e.line[i-1] != ' ' {
		i--
	}
	return e.snap(i)
}

// wordRight is the beginning of the next word.
func (e *editor) wordRight() int {
	i := e.cur
	for i < len(e.line) && e.line[i] != ' ' {
		i++
	}
	for i < len(e.line) && e.line[i] == ' ' {
		i++
	}
	return e.snap(i)
}

// nextWordEnd is the end of the word at or behind the cursor.
func (e *editor) nextWordEnd() int {
	i := e.cur
	for i < len(e.line) && e.line[i] == ' ' {
		i++
	}
	for i < len(e.line) && e.line[i] != ' ' {
		i++
	}
	return e.snap(i)
}

// slowTail is the length of the rest of the line up to which characters are
// rubbed out one by one. Beyond it that would write the rest far too often.
const slowTail = 256

// killBack deletes from i to the cursor.
func (e *editor) killBack(i int) {
	if len(e.line)-e.cur > slowTail || e.cur-i > slowTail {
		e.remove(i, e.cur)
	}
	for e.cur > i {
		e.remove(e.left(e.cur), e.cur)
	}
}

// killNext deletes from the cursor to i.
func (e *editor) killNext(i int) {
	n := i - e.cur
	if len(e.line)-e.cur > slowTail {
		e.remove(e.cur, i)
		return
	}
	for n > 0 {
		step := e.right(e.cur) - e.cur
		e.remove(e.cur, e.cur+step)
		n -= step
	}
}

// transpose swaps the two characters around the cursor, or the last two at the
// end of the line.
func (e *editor) transpose() {
	if len(e.line) < 2 || e.cur < 1 {
		return
	}
	at := min(e.cur, len(e.line)-1)
	if cells(e.line[at-1]) == 0 || cells(e.line[at]) == 0 {
		return
	}
	e.moveTo(at - 1)
	oneRow := e.fits()
	e.line[at-1], e.line[at] = e.line[at], e.line[at-1]
	if !oneRow {
		e.clearBelow()
		e.moveTo(len(e.line))
	}
	e.moveTo(e.snap(at + 1))
}
