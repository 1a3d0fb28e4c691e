package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/reweave/reweave/internal/e2e"
	"github.com/reweave/reweave/internal/testenv"
)

const subtitles = `1
00:00:00,500 --> 00:00:01,250
Guten Tag

2
00:00:02,000 --> 00:00:03,480
Auf Wiedersehen
`

const tags = `;FFMETADATA1
title=The Film
artist=Somebody
comment=a; b = c
[CHAPTER]
TIMEBASE=1/1000
START=%d
END=%d
title=Arrival
[CHAPTER]
TIMEBASE=1/1000
START=%[2]d
END=%d
title=Departure
`

// rich makes a film with two audio tracks, subtitles, chapters, tags and, in mkv, an
// attachment, which begins at start seconds.
func rich(t *testing.T, name string, start int) string {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := []string{
		"-f", "lavfi", "-i", film25,
		"-f", "lavfi", "-i", "sine=f=440:r=48000:d=4", "-f", "lavfi", "-i", "sine=f=880:r=44100:d=4",
		"-i", file("s.srt", subtitles),
		"-f", "ffmetadata", "-i", file("meta.txt", fmt.Sprintf(tags, 1000*start, 1000*start+1500, 1000*start+4000)),
		"-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map_metadata", "4", "-map_chapters", "4",
		"-output_ts_offset", fmt.Sprint(start),
	}
	args = append(args, strings.Fields(closed+" -c:a:0 aac -c:a:1 ac3")...)
	args = append(args,
		"-metadata:s:v:0", "language=fra", "-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=eng",
		"-metadata:s:a:0", "title=Deutsch", "-metadata:s:a:1", "title=Director's comments",
		"-disposition:a:0", "0", "-disposition:a:1", "default",
		"-metadata:s:s:0", "language=deu", "-metadata:s:s:0", "title=Untertitel", "-disposition:s:0", "default")
	if strings.HasSuffix(name, ".mkv") {
		args = append(args, "-c:s", "srt", "-attach", file("note.txt", "a note"), "-metadata:s:t", "mimetype=text/plain")
	} else {
		args = append(args, "-c:s", "mov_text")
	}
	return testenv.Media(t, name, args...)
}

func TestAllTracksAreKept(t *testing.T) {
	c := e2e.Start(t, e2e.Fleet{Codecs: []string{"libx264", "aac", "libopus"}})
	for name, tc := range map[string]struct {
		source, container, audio string
		start                    int
	}{
		"mkv to mkv":              {"a.mkv", "mkv", "copy", 0},
		"mkv to mp4":              {"a.mkv", "mp4", "copy", 0},
		"mkv to mov":              {"a.mkv", "mov", "copy", 0},
		"mp4 to mkv":              {"a.mp4", "mkv", "copy", 0},
		"mp4 to mp4":              {"a.mp4", "mp4", "copy", 0},
		"encoded audio":           {"a.mkv", "mp4", "aac", 0},
		"mkv that begins at 10 s": {"a.mkv", "mp4", "copy", 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := rich(t, tc.source, tc.start)
			spec := lossless(src)
			spec.Container, spec.Audio = tc.container, tc.audio
			j, out := c.Encode(t, spec)
			want, got := e2e.ProbeFile(t, src), e2e.ProbeFile(t, out)
			for _, kind := range []string{"video", "audio", "subtitle"} {
				if s, o := namesOf(want, kind), namesOf(got, kind); len(s) == 0 || !reflect.DeepEqual(s, o) {
					t.Errorf("the %s tracks are %+v, want %+v", kind, o, s)
				}
			}
			for i, pitch := range []int{440, 880} {
				if s := e2e.Listen(t, out, i); s.Pitch() < pitch-1 || s.Pitch() > pitch+1 { // it counts whole waves
					t.Errorf("audio track %d has a tone of %d Hz, want %d", i, s.Pitch(), pitch)
				}
			}
			// Both are in milliseconds. ffmpeg has the first chapter in mp4 begin at 0, and
			// in mkv moves everything by AAC's priming, of 1024 samples, but the chapters.
			sameEvents(t, "subtitle", captions(t, src), captions(t, out), 0.001001)
			sameEvents(t, "chapter", chapters(want), chapters(got), 0.001+1024.0/48000)
			for _, tag := range []string{"title", "artist", "comment"} {
				if s, o := tagOf(want.Format.Tags, tag), tagOf(got.Format.Tags, tag); s == "" || s != o {
					t.Errorf("the tag %s is %q, want %q", tag, o, s)
				}
			}
			checkNote(t, tc.source == "a.mkv", tc.container == "mkv", out, strings.Join(j.Notes, "\n"))
		})
	}
}

// checkNote wants the attachment to be kept where it can be, and its loss to be told.
func checkNote(t *testing.T, had, keeps bool, out, notes string) {
	t.Helper()
	const lost = "left out: 1 attachment"
	switch {
	case had && keeps:
		if text := attachment(t, out); text != "a note" {
			t.Errorf("the attachment says %q", text)
		}
		fallthrough
	case !had:
		if notes != "" {
			t.Errorf("the job has notes: %s", notes)
		}
	case !strings.Contains(notes, lost):
		t.Errorf("the notes are %q, want %q", notes, lost)
	}
}
