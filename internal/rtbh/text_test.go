package rtbh

import (
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

// TestNothingInvisibleIsTaken compares our own list with Unicode's classes of
// today: what this Go knows as a control or format character is refused.
func TestNothingInvisibleIsTaken(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		shown := !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) && r != '\u2028' && r != '\u2029' && r != unicode.ReplacementChar &&
			(r < 0xd800 || r > 0xdfff)
		refused := checkText("text", "a"+string(r)+"b", 100) != nil
		if shown == refused && (!refused || !unicode.Is(unicode.C, r)) {
			t.Errorf("U+%04X: shown %v, refused %v", r, shown, refused)
		}
	}
}

func TestTextsAreTakenAsTheyArePrinted(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "a": true, "a b": true, "Überlast, 攻撃": true, " a": false, "a ": false, " ": false, "a\u200bb": false, "a\u00adb": false,
	} {
		if got := checkText("reason", text, 100) == nil; got != ok {
			t.Errorf("%q: taken %v", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~]{0,8}`).Draw(t, "text")
		if checkWord("ticket", text, 100) == nil && len(text) > 0 {
			for _, r := range text {
				if r == ' ' {
					t.Fatalf("%q is no word", text)
				}
			}
		}
	})
}
