package split_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/split"
)

// stream builds packets from words such as "k10" (clean keyframe at 10), "K10" (a keyframe
// that is not clean), "p11", and "d12" or "x12" for a discarded packet, or keyframe.
func stream(t *testing.T, words string) []split.Packet {
	t.Helper()
	var out []split.Packet
	for i, w := range strings.Fields(words) {
		var p split.Packet
		for _, c := range w[1:] {
			p.PTS = p.PTS*10 + int64(c-'0')
		}
		p.Key = strings.ContainsRune("kKx", rune(w[0]))
		p.Clean = strings.ContainsRune("kx", rune(w[0]))
		p.Discard = strings.ContainsRune("dx", rune(w[0]))
		p.Hash = uint64(i) // below every limit: each clean keyframe is a boundary
		out = append(out, p)
	}
	return out
}

func TestBrokenOrdersAreTheUsersToMend(t *testing.T) {
	for name, c := range map[string]struct{ packets, slug string }{
		"late packet behind a cut":             {"k0 p1 p2 p3 k4 p5 p6 p7 p8 p9 p3", "broken-timestamps"},
		"two frames at one time":               {"k0 p1 p2 p2 p3", "broken-timestamps"},
		"two frames at the time of a boundary": {"k0 p1 p2 p3 p4 k4 p5 p6 p7 p8", "broken-timestamps"},
		"two boundaries at one time":           {"k0 p1 p2 p3 k4 k4 p5 p6 p7 p8", "broken-timestamps"},
		"second edit of an edit list":          {"k0 p1 p2 x1 d2 p3 p4", "edit-list"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := cut(t, split.Rule{Min: 2, Max: 6}, media.Rational{Num: 1, Den: 1}, stream(t, c.packets))
			e, ok := errors.AsType[*fault.Error](err)
			if !ok || e.Class != fault.User || e.Type != c.slug {
				t.Fatalf("got %v, want %s", err, c.slug)
			}
			if e.Hint == "" || !strings.HasPrefix(e.Error(), "source") {
				t.Errorf("the message does not say where and what to do: %v", e)
			}
		})
	}
}

// The shapes that have a meaning of their own, with the segments they give.
func TestShapes(t *testing.T) {
	for name, c := range map[string]struct {
		packets string
		want    string // "first packet-last packet(owned times)" for each segment
	}{
		"closed GOPs":                  {"k0 p1 p2 k3 p4 p5", "0-2[0 1 2] 3-5[3 4 5]"},
		"leading pictures":             {"k0 p1 k4 p2 p3 p5 p6", "0-4[0 1 2 3] 2-6[4 5 6]"},
		"a keyframe that is not clean": {"k0 p1 p2 K3 p4 p5", "0-5[0 1 2 3 4 5]"},
		"a rest that is too short":     {"k0 p1 p2 k3 p4", "0-4[0 1 2 3 4]"},
		"head cut off":                 {"x0 d1 p2 K3 p4 k5 p6 p7", "0-4[2 3 4] 5-7[5 6 7]"},
		"tail cut off":                 {"k0 p1 p2 k3 p4 p5 d6 x7 d8", "0-2[0 1 2] 3-8[3 4 5]"},
		"keyframe behind later frames": {"k0 p1 p5 k4 p2 p3 p6 p7", "0-7[0 1 2 3 4 5 6 7]"},
		"shown before its keyframe":    {"k0 p1 p2 k4 p5 p3 p6 p7", "0-7[0 1 2 3 4 5 6 7]"},
		"leads of a first keyframe":    {"d9 k4 p2 p3 p5 p6", "0-5[2 3 4 5 6]"},
		"leads count for the length":   {"x0 d1 k6 p2 p3 p4 p5 p7 p8 p9 p10 p11", "0-6[2 3 4 5] 2-11[6 7 8 9 10 11]"},
		"lead of a later keyframe":     {"k0 p1 p2 k4 k5 p3 p6 p7", "0-5[0 1 2 3 4] 4-7[5 6 7]"},
		"nothing shown":                {"x0 d1 d2", ""},
		"one frame":                    {"k0", "0-0[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			packets := stream(t, c.packets)
			segments, err := cut(t, split.Rule{Min: 2, Max: 6}, media.Rational{Num: 1, Den: 1}, packets)
			if err != nil {
				t.Fatal(err)
			}
			checkExact(t, packets, segments)
			if got := describe(segments); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func describe(segments []split.Segment) string {
	var out []string
	for _, s := range segments {
		out = append(out, fmt.Sprintf("%d-%d%d", s.Carried[0], s.Carried[len(s.Carried)-1], s.PTS))
	}
	return strings.Join(out, " ")
}
