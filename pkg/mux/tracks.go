// Package mux puts a deliverable together: the joined video, the audio tracks, and
// what else the source holds, into the container that was asked for.
//
// It also knows what each container can hold, so that what can't be done is refused
// before work begins, and what is left out is said.
package mux

import (
	"fmt"
	"slices"
	"strings"

	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/timeline"
)

// holdsAudio reports whether a container can hold an audio codec, by ffmpeg's name.
func holdsAudio(container, codec string) bool {
	switch container {
	case "mkv":
		return true
	case "mov":
		return strings.HasPrefix(codec, "pcm_") || slices.Contains([]string{"aac", "ac3", "eac3", "mp3", "mp2", "alac"}, codec)
	case "mp4":
		return slices.Contains([]string{"aac", "ac3", "eac3", "mp3", "mp2", "alac", "opus", "flac", "dts"}, codec)
	}
	return false
}

// SideContainer returns the extension of the file in which an audio track travels by
// itself. MP4 and MOV keep its timing exact to a sample; Matroska, which takes what
// they can't, rounds its start to a millisecond.
func SideContainer(codec string) string {
	switch {
	case holdsAudio("mp4", codec):
		return ".mp4"
	case strings.HasPrefix(codec, "pcm_"):
		return ".mov"
	default:
		return ".mka"
	}
}

var textSubtitles = []string{"subrip", "ass", "ssa", "webvtt", "mov_text", "text"}

// SubtitleCodec returns how subtitle tracks are written into container.
func SubtitleCodec(container string) string {
	if container == "mkv" {
		return "copy"
	}
	return "mov_text"
}

// Check refuses what the deliverable that spec asks for can't hold of the source, and
// returns notes on what it leaves out.
func Check(spec job.Spec, src media.Source) (notes []string, err error) {
	for _, a := range src.Audio {
		if spec.Audio == "copy" && !holdsAudio(spec.Container, a.Codec) {
			return nil, fault.Userf("unsupported-audio", fmt.Sprintf("audio stream %d", a.Index),
				fmt.Sprintf("%s can't hold %s", spec.Container, a.Codec), "use --audio aac, --audio none, or an .mkv output")
		}
	}
	for _, s := range src.Subs {
		if spec.Subtitles == "copy" && spec.Container != "mkv" && !slices.Contains(textSubtitles, s.Codec) {
			return nil, fault.Userf("unsupported-subtitles", fmt.Sprintf("subtitle stream %d", s.Index),
				fmt.Sprintf("%s can't hold %s", spec.Container, s.Codec), "use --subtitles none, or an .mkv output")
		}
	}
	if spec.Audio == "none" && len(src.Audio) > 0 {
		notes = append(notes, fmt.Sprintf("left out: %s", count(len(src.Audio), "audio track")))
	}
	if spec.Subtitles == "none" && len(src.Subs) > 0 {
		notes = append(notes, fmt.Sprintf("left out: %s", count(len(src.Subs), "subtitle track")))
	}
	if len(src.Attached) > 0 && (spec.Container != "mkv" || spec.Subtitles == "none") {
		notes = append(notes, fmt.Sprintf("left out: %s", count(len(src.Attached), "attachment")))
	}
	if spec.Container == "mkv" && src.Video.Rotation != 0 {
		notes = append(notes, fmt.Sprintf("left out: rotation by %d degrees, which mkv of this ffmpeg may not keep", src.Video.Rotation))
	}
	if tc := src.Video.Timecode; holdsTimecode(spec.Container) && strings.ContainsAny(tc, ";.") && !timeline.Drops(src.Video.Rate) {
		notes = append(notes, fmt.Sprintf("left out: the timecode %s, which leaves numbers out as films of 29.97 or 59.94 frames a second do; this one has %s", tc, src.Video.Rate))
	}
	for _, o := range src.Other {
		if o.Codec == media.TimecodeTrack && src.Video.Timecode != "" && holdsTimecode(spec.Container) {
			continue
		}
		notes = append(notes, fmt.Sprintf("left out: stream %d (%s %s)", o.Index, o.Kind, o.Codec))
	}
	return notes, nil
}

// holdsTimecode reports whether a container has tracks of timecode.
func holdsTimecode(container string) bool { return container == "mov" || container == "mp4" }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
