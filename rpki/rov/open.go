package rov

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"fmt"
	"io"
	"os"
)

// Stdin is the file name that means the standard input.
const Stdin = "-"

// input is an open file: counted for the progress bar, then unpacked by what its
// first octets say, whatever its name is.
type input struct {
	*bufio.Reader
	name string
	file io.Closer
}

func (i *input) Close() error { return i.file.Close() }

func open(name string, stdin io.Reader, p *progress) (*input, error) {
	var raw io.ReadCloser = io.NopCloser(stdin)
	if name != Stdin {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			f.Close()
			return nil, fmt.Errorf("%s is a directory", name)
		}
		raw = f
	}
	in, err := unpack(bufio.NewReaderSize(p.count(raw), 1<<16))
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &input{in, name, raw}, nil
}

// packed are formats that are recognized, to say so.
var packed = []struct{ magic, name, unpack string }{
	{"\xfd7zXZ\x00", "xz", "xzcat"}, {"\x28\xb5\x2f\xfd", "zstd", "zstdcat"}, {"PK\x03\x04", "zip", "unzip -p"},
}

func unpack(in *bufio.Reader) (*bufio.Reader, error) {
	head, _ := in.Peek(3)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		return bufio.NewReaderSize(z, 1<<17), nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return bufio.NewReaderSize(bzip2.NewReader(in), 1<<17), nil
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")): // a byte order mark, as spreadsheets write it
		in.Discard(3)
	}
	for _, f := range packed {
		if head, _ := in.Peek(len(f.magic)); string(head) == f.magic {
			return nil, fmt.Errorf("the file is packed by %s, which is not read: give it as `%s FILE | triggerd rov --rib - ...`", f.name, f.unpack)
		}
	}
	return in, nil
}
