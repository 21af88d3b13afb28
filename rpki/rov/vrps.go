package rov

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/triggerd/triggerd/rpki/rtr"
)

// scheme marks a source of VRPs that is a cache.
const scheme = "rtr://"

// fetchTime is how long a cache may take to send everything.
const fetchTime = 2 * time.Minute

// loadVRPs reads VRPs from a file, or from a cache by rtr://HOST:PORT. Unlike a
// table, a part of the VRPs is worth nothing: any error is the end.
func loadVRPs(ctx context.Context, source string, stdin io.Reader, p *progress) (*rtr.Set, error) {
	if addr, ok := strings.CutPrefix(source, scheme); ok {
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		e, err := rtr.Fetch(ctx, rtr.Cache{Addr: strings.TrimSuffix(addr, "/")})
		if err != nil {
			return nil, err
		}
		return e.Data.VRPs, nil
	}
	in, err := open(source, stdin, p)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	all, err := readVRPs(in.Reader)
	if err == nil && len(all) == 0 {
		err = errors.New("no VRPs in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return rtr.NewSet(all), nil
}

func readVRPs(in *bufio.Reader) ([]rtr.VRP, error) {
	for {
		b, err := in.Peek(1)
		if err == io.EOF {
			return nil, errors.New("the file is empty")
		}
		if err != nil {
			return nil, err
		}
		switch b[0] {
		case '{', '[':
			return readJSON(in)
		case ' ', '\t', '\r', '\n':
			in.Discard(1)
		default:
			return readVRPsCSV(in)
		}
	}
}

// roa is an element of "roas" as Routinator (asn "AS1") and rpki-client (asn 1)
// write it.
type roa struct {
	ASN    asn    `json:"asn"`
	Prefix string `json:"prefix"`
	MaxLen *uint8 `json:"maxLength"`
}

type asn uint32

func (a *asn) UnmarshalJSON(b []byte) error {
	n, err := ParseASN(string(bytes.Trim(b, `"`)))
	*a = asn(n)
	return err
}

// readJSON walks to "roas" and reads its elements one by one; everything else is
// passed over. A bare array of ROAs is read too.
func readJSON(in io.Reader) ([]rtr.VRP, error) {
	d := json.NewDecoder(in)
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if t == json.Delim('[') {
		return readROAs(d)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		if key == "roas" {
			if t, err := d.Token(); err != nil || t != json.Delim('[') {
				return nil, errors.Join(errors.New(`"roas" is not a list`), err)
			}
			return readROAs(d)
		}
		var other json.RawMessage
		if err := d.Decode(&other); err != nil {
			return nil, err
		}
	}
	return nil, errors.New(`the JSON has no list "roas", as Routinator and rpki-client write it`)
}

func readROAs(d *json.Decoder) ([]rtr.VRP, error) {
	var all []rtr.VRP
	for d.More() {
		var r roa
		if err := d.Decode(&r); err != nil {
			return nil, fmt.Errorf("ROA %d: %w", len(all)+1, err)
		}
		longest := -1
		if r.MaxLen != nil {
			longest = int(*r.MaxLen)
		}
		v, err := newVRP(r.Prefix, longest, uint32(r.ASN))
		if err != nil {
			return nil, fmt.Errorf("ROA %d: %w", len(all)+1, err)
		}
		all = append(all, v)
	}
	_, err := d.Token() // the end of the list: a file that is cut off has none
	return all, err
}

// newVRP makes a VRP; longest is -1 where the file has no maxLength.
func newVRP(prefix string, longest int, asn uint32) (rtr.VRP, error) {
	p, err := parsePrefix(prefix)
	if err != nil {
		return rtr.VRP{}, err
	}
	if longest < 0 {
		longest = p.Bits()
	}
	if longest > 255 {
		return rtr.VRP{}, fmt.Errorf("maxLength %d", longest)
	}
	v := rtr.VRP{Prefix: p, MaxLen: uint8(longest), ASN: asn}
	return v, v.Check()
}

// columns says where a CSV has what.
type columns struct{ asn, prefix, longest int }

// header finds the columns by name: rpki-client, Routinator and RIPE name and
// order them differently.
func header(fields []string) (columns, bool) {
	c := columns{-1, -1, -1}
	for i, f := range fields {
		c.take(i, f)
	}
	return c, c.asn >= 0 && c.prefix >= 0
}

// take notes what a column is by its name.
func (c *columns) take(i int, name string) {
	switch strings.ToLower(strings.NewReplacer(" ", "", "_", "", "-", "").Replace(name)) {
	case "asn", "originasn", "origin", "as", "originas":
		c.asn = i
	case "prefix", "ipprefix", "network":
		c.prefix = i
	case "maxlen", "maxlength":
		c.longest = i
	}
}

// readVRPsCSV reads asn,prefix,maxlen lines, or what a header says.
func readVRPsCSV(in *bufio.Reader) ([]rtr.VRP, error) {
	at := columns{0, 1, 2}
	var all []rtr.VRP
	var fields []string
	err := eachLine(in, func(n int, line []byte) error {
		fields = split(fields[:0], string(line))
		if n == 1 {
			if named, ok := header(fields); ok {
				if at = named; at.longest < 0 {
					return errors.New("the columns have no maxLength: this looks like a routing table, which goes to --rib")
				}
				return nil
			}
		}
		v, err := at.vrp(fields)
		all = append(all, v)
		return err
	})
	return all, err
}

func split(out []string, line string) []string {
	for {
		f, rest, more := strings.Cut(line, ",")
		out = append(out, strings.Trim(strings.TrimSpace(f), `"`))
		if !more {
			return out
		}
		line = rest
	}
}

func (c columns) vrp(fields []string) (rtr.VRP, error) {
	if len(fields) <= max(c.asn, c.prefix) {
		return rtr.VRP{}, fmt.Errorf("%q is not asn,prefix,maxlen", clip([]byte(strings.Join(fields, ","))))
	}
	asn, err := ParseASN(fields[c.asn])
	if err != nil {
		return rtr.VRP{}, err
	}
	longest := -1
	if c.longest >= 0 && c.longest < len(fields) && fields[c.longest] != "" {
		if longest, err = strconv.Atoi(fields[c.longest]); err != nil || longest < 0 {
			return rtr.VRP{}, fmt.Errorf("%q is not a maxLength", fields[c.longest])
		}
	}
	return newVRP(fields[c.prefix], longest, asn)
}
