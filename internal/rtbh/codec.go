package rtbh

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// codec walks a value field by field and either appends it to buf or reads it
// from there. One walk serves both directions, so that they can't drift apart.
// Numbers are uvarints, strings and lists carry their length in front. Any
// error sticks; decoding never panics and never allocates more than the input
// can justify.
type codec struct {
	writing bool
	bare    bool // leave out the texts of refusals, for digests
	buf     []byte
	err     error
	words   map[string]string // when decoding: what was read already, see text
	inner   []byte            // when encoding: room for a command's body
	into    io.Writer         // when encoding: where buf goes whenever it is long; nil keeps all of it
}

// longBuf is how much is encoded at a time for whoever only passes it on.
const longBuf = 64 << 10

// drain passes on what was encoded so far, if there is somebody to take it.
func (c *codec) drain() {
	if c.into == nil || c.err != nil {
		return
	}
	_, c.err = c.into.Write(c.buf)
	c.buf = c.buf[:0]
}

// What is worth looking for in words: names come again and again, and a state
// of 100,000 blackholes has a handful of them.
const (
	longWord  = 64
	mostWords = 256
)

var errShort = errors.New("ends in the middle of a value")

func (c *codec) fail(err error) {
	if c.err == nil {
		c.err = err
		c.buf = nil
	}
}

// take returns the next n bytes of the input.
func (c *codec) take(n uint64) []byte {
	if n > uint64(len(c.buf)) {
		c.fail(errShort)
		return nil
	}
	b := c.buf[:n]
	c.buf = c.buf[n:]
	return b
}

func (c *codec) u64(v *uint64) {
	if c.writing {
		c.buf = binary.AppendUvarint(c.buf, *v)
		return
	}
	x, n := binary.Uvarint(c.buf)
	// A longer spelling of the same number is refused: equal values must have
	// equal bytes, or digests of equal states could differ.
	if n <= 0 || (n > 1 && c.buf[n-1] == 0) {
		c.fail(errShort)
		return
	}
	c.buf = c.buf[n:]
	*v = x
}

// number walks any unsigned field and refuses what does not fit its type.
func number[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *codec, v *T) {
	x := uint64(*v)
	c.u64(&x)
	if !c.writing {
		*v = T(x)
		if uint64(*v) != x {
			c.fail(fmt.Errorf("number %d does not fit", x))
		}
	}
}

// signed walks a signed field in zigzag form.
func signed[T ~int64](c *codec, v *T) {
	x := uint64(*v)<<1 ^ uint64(int64(*v)>>63)
	c.u64(&x)
	if !c.writing { // clones share values: writing must not touch them
		*v = T(int64(x>>1) ^ -int64(x&1))
	}
}

func (c *codec) flag(v *bool) {
	var x uint8
	if *v {
		x = 1
	}
	number(c, &x)
	if c.writing {
		return
	}
	if x > 1 {
		c.fail(fmt.Errorf("flag is %d", x))
	}
	*v = x == 1
}

func text[T ~string](c *codec, v *T) {
	n := uint64(len(*v))
	c.u64(&n)
	if c.writing {
		c.buf = append(c.buf, *v...)
		return
	}
	*v = T(c.word(c.take(n)))
}

// word is b as a string, the same one as before where it can be.
func (c *codec) word(b []byte) string {
	if len(b) == 0 || len(b) > longWord {
		return string(b)
	}
	if w, ok := c.words[string(b)]; ok {
		return w
	}
	w := string(b)
	if c.words == nil {
		c.words = map[string]string{}
	}
	if len(c.words) < mostWords {
		c.words[w] = w
	}
	return w
}

func (c *codec) fixed(v []byte) {
	if c.writing {
		c.buf = append(c.buf, v...)
		return
	}
	copy(v, c.take(uint64(len(v))))
}

// blob walks a byte string of its own length. What is read is part of the input.
func (c *codec) blob(v *[]byte) {
	n := uint64(len(*v))
	c.u64(&n)
	if c.writing {
		c.buf = append(c.buf, *v...)
		return
	}
	*v = c.take(n)
}

// list walks a slice; an empty one and a nil one are the same value.
func list[T any](c *codec, v *[]T, item func(*codec, *T)) {
	n := uint64(len(*v))
	c.u64(&n)
	if c.writing {
		for i := range *v {
			item(c, &(*v)[i])
		}
		return
	}
	*v = nil
	if n > uint64(len(c.buf)) { // every item takes at least one byte
		c.fail(errShort)
		return
	}
	// The length is only claimed: the slice grows as items really come.
	for ; n > 0 && c.err == nil; n-- {
		var x T
		item(c, &x)
		*v = append(*v, x)
	}
}

func (c *codec) addr(v *netip.Addr) {
	if c.writing {
		c.writeAddr(*v)
		return
	}
	var b []byte
	if c.blob(&b); c.err != nil {
		return
	}
	a, ok := netip.AddrFromSlice(b)
	if !ok && len(b) != 0 {
		c.fail(fmt.Errorf("address of %d bytes", len(b)))
	}
	*v = a
}

// writeAddr writes as many bytes as the address has, none for the zero Addr.
func (c *codec) writeAddr(a netip.Addr) {
	n := uint64(a.BitLen() / 8)
	c.u64(&n)
	switch n {
	case 4:
		b := a.As4()
		c.buf = append(c.buf, b[:]...)
	case 16:
		b := a.As16()
		c.buf = append(c.buf, b[:]...)
	}
}

// prefix walks a prefix with its host bits: a refused one is audited as typed.
// Whatever is not valid is the zero prefix: netip keeps the address of
// 192.0.2.1/99, which must not come back as 192.0.2.1/0.
func (c *codec) prefix(v *netip.Prefix) {
	a := v.Addr()
	if !v.IsValid() {
		a = netip.Addr{}
	}
	c.addr(&a)
	bits := uint8(max(v.Bits(), 0))
	if a.IsValid() {
		number(c, &bits)
	}
	if c.writing || c.err != nil {
		return
	}
	*v = netip.Prefix{}
	if !a.IsValid() {
		return
	}
	if *v = netip.PrefixFrom(a, int(bits)); !v.IsValid() {
		c.fail(fmt.Errorf("prefix length %d", bits))
	}
}

func prefixItem(c *codec, v *netip.Prefix) { c.prefix(v) }
func stringItem(c *codec, v *string)       { text(c, v) }
func numberItem(c *codec, v *uint32)       { number(c, v) }
func communityItem(c *codec, v *Community) { number(c, v) }
func extItem(c *codec, v *ExtCommunity)    { number(c, v) }
func largeItem(c *codec, v *LargeCommunity) {
	number(c, &v.Global)
	number(c, &v.Local1)
	number(c, &v.Local2)
}

func (c *codec) optional(v *Optional) {
	c.flag(&v.Set)
	if v.Set {
		number(c, &v.Value)
	}
}

// done checks that decoding consumed everything.
func (c *codec) done() error {
	if c.err == nil && !c.writing && len(c.buf) > 0 {
		return fmt.Errorf("%d bytes too many", len(c.buf))
	}
	return c.err
}
