package testenv

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// askBird asks one question over BIRD's control socket and returns the lines of
// the answer without their codes.
//
// A reply line is "CODE-text" (more follow), "CODE text" (the last), or " text" and
// "+text" (the code of the line before). Codes from 8000 on are errors.
func askBird(socket, command string) ([]string, error) {
	conn, err := net.DialTimeout("unix", socket, vtyTimeout)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(vtyTimeout))
	in := bufio.NewReader(conn)
	if _, err := readBirdReply(in); err != nil { // the greeting
		return nil, err
	}
	if _, err := fmt.Fprintln(conn, command); err != nil {
		return nil, err
	}
	return readBirdReply(in)
}

func readBirdReply(in *bufio.Reader) ([]string, error) {
	var lines []string
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("after %d lines of an answer: %w", len(lines), noEOF(err))
		}
		line = strings.TrimRight(line, "\n")
		code, text, last := cutBirdCode(line)
		if code >= "8000" {
			return nil, fmt.Errorf("BIRD refused: %s", line)
		}
		if text != "" {
			lines = append(lines, text)
		}
		if last {
			return lines, nil
		}
	}
}

// cutBirdCode takes a reply line apart. code is "" for a continued line.
func cutBirdCode(line string) (code, text string, last bool) {
	if len(line) >= 5 && strings.Trim(line[:4], "0123456789") == "" && (line[4] == '-' || line[4] == ' ') {
		return line[:4], line[5:], line[4] == ' '
	}
	if line == "" {
		return "", "", false
	}
	return "", line[1:], false
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
