package testenv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// vtyTimeout bounds one question to an FRR daemon.
const vtyTimeout = 5 * time.Second

// vtyTrailer comes before the status byte at the end of each answer of an FRR
// daemon on its vty socket.
var vtyTrailer = []byte{0, 0, 0}

// errVtyRefused is a command that the daemon did not take (its status byte is not
// 0: unknown, incomplete, ambiguous, failed).
var errVtyRefused = errors.New("the vty refused the command")

// askVty sends commands over one connection to the unix socket of an FRR daemon
// and returns the answer to each. It speaks the daemon's side of vtysh: commands end
// with a NUL, answers with three NULs and a status byte. That takes 1 ms where
// vtysh takes 250.
func askVty(socket string, commands ...string) ([]string, error) {
	conn, err := net.DialTimeout("unix", socket, vtyTimeout)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(vtyTimeout))
	answers := make([]string, 0, len(commands))
	for _, c := range commands {
		if _, err := conn.Write(append([]byte(c), 0)); err != nil {
			return answers, fmt.Errorf("%q: %w", c, err)
		}
		answer, status, err := readVtyAnswer(conn)
		if err != nil {
			return answers, fmt.Errorf("%q: %w", c, err)
		}
		if status != 0 {
			return answers, fmt.Errorf("%w %q (status %d): %s", errVtyRefused, c, status, strings.TrimSpace(answer))
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// readVtyAnswer reads one answer. The daemon sends nothing unasked, so the trailer
// is always at the end of what can be read.
func readVtyAnswer(r io.Reader) (text string, status byte, err error) {
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		all = append(all, buf[:n]...)
		if end := len(all) - 4; end >= 0 && bytes.Equal(all[end:end+3], vtyTrailer) {
			return string(all[:end]), all[end+3], nil
		}
		if err != nil {
			return "", 0, fmt.Errorf("after %d bytes of an answer: %w", len(all), err)
		}
	}
}

// askVtyJSON asks one question and decodes the answer.
func askVtyJSON(socket, command string, into any) error {
	answers, err := askVty(socket, command)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(answers[0]), into); err != nil {
		return fmt.Errorf("%q answered no JSON: %w", command, err)
	}
	return nil
}
