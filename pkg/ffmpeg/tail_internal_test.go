package ffmpeg

import (
	"regexp"
	"strings"
	"testing"
)

func TestTailKeepsTheEnd(t *testing.T) {
	var l tail
	for range 10_000 {
		if n, err := l.Write([]byte("a line of 20 bytes.\n")); n != 20 || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := l.Write([]byte("the end\n")); err != nil {
		t.Fatal(err)
	}
	if s := l.String(); len(s) > tailSize || !strings.HasSuffix(s, "bytes.\nthe end") {
		t.Errorf("%d bytes, which end in %q", len(s), s[len(s)-30:])
	}
	if len(l.b) > 2*tailSize {
		t.Errorf("%d bytes are kept", len(l.b))
	}
	if l.lastLine() != "the end" {
		t.Errorf("the last line is %q", l.lastLine())
	}
}

func TestTailOfOneHugeWrite(t *testing.T) {
	var l tail
	if _, err := l.Write([]byte(strings.Repeat("x", 10*tailSize) + "\nend")); err != nil {
		t.Fatal(err)
	}
	if s := l.String(); len(s) != tailSize || l.lastLine() != "end" {
		t.Errorf("%d bytes, the last line is %q", len(s), l.lastLine())
	}
}

func TestTailSeesASignBeforeItIsGone(t *testing.T) {
	sign := regexp.MustCompile(`Packet corrupt`)
	for name, c := range map[string]struct {
		writes []string
		want   string
	}{
		"in one write":        {[]string{"a\nb: Packet corrupt (1)\nc\n"}, "b: Packet corrupt (1)"},
		"over three writes":   {[]string{"a\nb: Pack", "et corr", "upt (2)\nc\n"}, "b: Packet corrupt (2)"},
		"without an end":      {[]string{"a\nPacket corrupt (3)"}, "Packet corrupt (3)"},
		"the first of two":    {[]string{"Packet corrupt (4)\nPacket corrupt (5)\n"}, "Packet corrupt (4)"},
		"not over two lines":  {[]string{"Packet\n corrupt\n"}, ""},
		"behind a long line":  {[]string{strings.Repeat("x", 3*tailSize), "\nPacket corrupt (6)\n"}, "Packet corrupt (6)"},
		"nothing was written": {nil, ""},
	} {
		l := tail{sign: sign}
		for _, w := range append(c.writes, strings.Repeat("\nmore", tailSize)) {
			if _, err := l.Write([]byte(w)); err != nil {
				t.Fatal(err)
			}
		}
		if got := l.seenLine(); got != c.want {
			t.Errorf("%s: saw %q, want %q", name, got, c.want)
		}
	}
}
