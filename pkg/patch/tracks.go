package patch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
)

// The kinds of tracks besides the video.
const (
	KindSound     = "sound"
	KindSubtitles = "subtitles"
)

// Track is a track of sound or subtitles of the patched film, or one that is gone.
type Track struct {
	// Kind is [KindSound] or [KindSubtitles]; Number counts those of a kind from 1.
	Kind   string `json:"kind"`
	Number int    `json:"number"`
	// What names its codec, channels, rate, language and title.
	What string `json:"what"`
	// Before and After are digests of all its packets, of subtitles with when they are
	// shown; "" where it is not there.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Moved is by how many seconds sound begins later than before, beside the pictures.
	Moved float64 `json:"moved,omitempty"`
	// Same says that the digests are, and that it begins when it did.
	Same bool `json:"same"`
}

// State says what became of a track, in a few words.
func (t Track) State() string {
	switch {
	case t.Same:
		return "the same packets"
	case t.Before == "":
		return "new"
	case t.After == "":
		return "gone"
	case t.Before != t.After:
		return "other packets"
	case t.Moved < 0:
		return fmt.Sprintf("the same packets, %.3f s earlier", -t.Moved)
	}
	return fmt.Sprintf("the same packets, %.3f s later", t.Moved)
}

// side is one film's track.
type side struct {
	what, sum string
	start     float64 // of sound, in seconds behind the first frame's
}

// tracksOf compares the tracks of sound and subtitles of two films by the digests of their
// packets, in order.
func tracksOf(ctx context.Context, tool *ffmpeg.Tool, base, out *Film) ([]Track, error) {
	var tracks []Track
	for _, k := range []struct {
		kind string
		read func(context.Context, *ffmpeg.Tool, *Film) ([]side, error)
	}{{KindSound, soundOf}, {KindSubtitles, subtitlesOf}} {
		before, err := k.read(ctx, tool, base)
		if err != nil {
			return nil, fmt.Errorf("read the %s of %s: %w", k.kind, base.Name, err)
		}
		after, err := k.read(ctx, tool, out)
		if err != nil {
			return nil, fmt.Errorf("read the %s of %s: %w", k.kind, out.Name, err)
		}
		if k.kind == KindSound && slices.EqualFunc(before, after, func(a, b side) bool { return a.sum == b.sum }) {
			if err := firstPackets(ctx, tool, []*Film{base, out}, [][]side{before, after}); err != nil {
				return nil, err
			}
		}
		for i := range max(len(before), len(after)) {
			tracks = append(tracks, match(k.kind, i, before, after))
		}
	}
	return tracks, nil
}

// firstPackets puts the times of the first packets in place of those that ffmpeg says tracks begin
// at, where these differ though the packets are the same: it doesn't count what a codec needs
// to get going, but does in fragmented MP4.
func firstPackets(ctx context.Context, tool *ffmpeg.Tool, films []*Film, sides [][]side) error {
	if slices.EqualFunc(sides[0], sides[1], func(a, b side) bool { return math.Abs(a.start-b.start) <= rounded }) {
		return nil
	}
	for k, f := range films {
		lines, err := f.hashes(ctx, tool, f.Source.Audio, "framehash")
		if err != nil {
			return fmt.Errorf("read the sound of %s: %w", f.Name, err)
		}
		bases := make([]media.Rational, len(sides[k]))
		seen := make([]bool, len(sides[k]))
		for _, line := range lines {
			if tb, ok := strings.CutPrefix(line, "#tb "); ok {
				if err := readBase(bases, tb); err != nil {
					return err
				}
				continue
			}
			var i int
			var dts, pts int64 // "stream, dts, pts, …"
			if n, _ := fmt.Sscanf(strings.ReplaceAll(line, " ", ""), "%d,%d,%d", &i, &dts, &pts); n == 3 && i >= 0 && i < len(seen) && !seen[i] {
				seen[i], sides[k][i].start = true, float64(pts)*bases[i].Float()-f.seconds(0)
			}
		}
	}
	return nil
}

// match compares track i of two films.
func match(kind string, i int, before, after []side) Track {
	t := Track{Kind: kind, Number: i + 1}
	if i < len(before) {
		t.Before, t.What = before[i].sum, before[i].what
	}
	if i < len(after) {
		t.After, t.What = after[i].sum, after[i].what
	}
	if i < len(before) && i < len(after) {
		if moved := after[i].start - before[i].start; math.Abs(moved) > rounded {
			t.Moved = micros(moved)
		}
	}
	t.Same = t.Before == t.After && t.Moved == 0
	return t
}

// rounded is by how much times differ, in seconds, that two containers round.
const rounded = 0.002

func describe(s media.Stream) string {
	parts := []string{s.Codec}
	if s.Channels > 0 {
		parts = append(parts, fmt.Sprintf("%d channels", s.Channels))
	}
	if s.SampleRate > 0 {
		parts = append(parts, fmt.Sprintf("%d Hz", s.SampleRate))
	}
	for _, more := range []string{strings.TrimPrefix(s.Language, "und"), s.Title} { // und is "undetermined"
		if more != "" {
			parts = append(parts, more)
		}
	}
	return strings.Join(parts, ", ")
}

// soundOf returns the SHA-256 over the packets of each sound track, and when it begins.
func soundOf(ctx context.Context, tool *ffmpeg.Tool, f *Film) (all []side, err error) {
	lines, err := f.hashes(ctx, tool, f.Source.Audio, "streamhash")
	if err == nil && len(lines) != len(f.Source.Audio) {
		err = fmt.Errorf("%d digests of %d tracks", len(lines), len(f.Source.Audio))
	}
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	first := f.seconds(0)
	for i, line := range lines { // "0,a,SHA256=…"
		s := f.Source.Audio[i]
		_, sum, _ := strings.Cut(line, "=")
		all = append(all, side{describe(s), sum, float64(s.Start)*s.TimeBase.Float() - first})
	}
	return all, nil
}

// subtitlesOf returns the SHA-256 over the packets of each track of subtitles, and over when
// they are shown, in milliseconds behind the first frame.
func subtitlesOf(ctx context.Context, tool *ffmpeg.Tool, f *Film) (all []side, err error) {
	lines, err := f.hashes(ctx, tool, f.Source.Subs, "framehash")
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	first := f.seconds(0)
	sums := make([]hash.Hash, len(f.Source.Subs))
	bases := make([]media.Rational, len(sums))
	for i := range sums {
		sums[i] = sha256.New()
	}
	for _, line := range lines {
		if tb, ok := strings.CutPrefix(line, "#tb "); ok { // "#tb 0: 1/1000"
			if err := readBase(bases, tb); err != nil {
				return nil, err
			}
		} else if !strings.HasPrefix(line, "#") {
			if err := f.addSubtitle(sums, bases, first, line); err != nil {
				return nil, err
			}
		}
	}
	for i, s := range f.Source.Subs {
		all = append(all, side{what: describe(s), sum: hex.EncodeToString(sums[i].Sum(nil))})
	}
	return all, nil
}

func readBase(bases []media.Rational, text string) error {
	n, tb, _ := strings.Cut(text, ": ")
	i, err := strconv.Atoi(n)
	if err != nil || i < 0 || i >= len(bases) {
		return fmt.Errorf("read %q: no such track", text)
	}
	return bases[i].UnmarshalText([]byte(tb))
}

// addSubtitle adds a packet, as "stream, dts, pts, duration, size, hash", to its track's digest.
// MP4's empty ones, which only fill the time between two, don't count.
func (f *Film) addSubtitle(sums []hash.Hash, bases []media.Rational, first float64, line string) error {
	var n [5]int64
	fields := strings.Split(strings.ReplaceAll(line, " ", ""), ",")
	if len(fields) < 6 {
		return fmt.Errorf("read %q: %d fields", line, len(fields))
	}
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return fmt.Errorf("read %q: %w", line, err)
		}
	}
	if n[0] < 0 || int(n[0]) >= len(sums) {
		return fmt.Errorf("read %q: no such track", line)
	}
	if n[4] <= 2 && f.Source.Subs[n[0]].Codec == "mov_text" {
		return nil
	}
	tb := bases[n[0]].Float()
	at := math.Round(1000 * (float64(n[2])*tb - first))
	fmt.Fprintf(sums[n[0]], "%.0f %.0f %s\n", at, math.Round(1000*float64(n[3])*tb), fields[5])
	return nil
}

// hashes returns what one of ffmpeg's hashing muxers says of some streams' packets, in lines.
func (f *Film) hashes(ctx context.Context, tool *ffmpeg.Tool, streams []media.Stream, format string) (lines []string, err error) {
	if len(streams) == 0 {
		return nil, nil
	}
	args := append(ffmpeg.Safe(), "-v", "error", "-copyts", "-i", "file:"+f.Path)
	for _, s := range streams {
		args = append(args, "-map", fmt.Sprintf("0:%d", s.Index))
	}
	cmd := tool.Command(ctx, append(args, "-c", "copy", "-f", format, "-hash", "sha256", "pipe:1")...)
	cmd.Reads(f.Path)
	var said bytes.Buffer
	cmd.Stdout(&said)
	if err := cmd.Run(ctx); err != nil {
		return nil, err
	}
	for line := range strings.Lines(said.String()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines, nil
}
