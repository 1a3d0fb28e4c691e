package timeline

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// utf8Of returns a list's text: UTF-8, UTF-16 with a byte order mark, or else Latin-1,
// which every sequence of bytes is.
func utf8Of(b []byte) string {
	if len(b) >= 2 {
		switch mark := binary.BigEndian.Uint16(b); mark {
		case 0xFEFF:
			return utf16Of(b[2:], binary.BigEndian)
		case 0xFFFE:
			return utf16Of(b[2:], binary.LittleEndian)
		}
	}
	s := strings.TrimPrefix(string(b), "\uFEFF")
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, 0, len(b))
	for _, c := range b {
		runes = append(runes, rune(c))
	}
	return string(runes)
}

func utf16Of(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return string(utf16.Decode(units))
}

// linesOf parts a text at its ends of lines, of whatever system.
func linesOf(text string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
}
