package mux

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/plan"
)

// Files are the files that are muxed beside the video, which comes on standard input.
type Files struct {
	// Audio are the tracks' files, in the plan's order.
	Audio []string
	// Late is how much later than it should be heard each track is put; see [Late].
	Late []float64
	// Extra is a file with subtitles and attachments, Meta one in ffmpeg's metadata
	// format with chapters and tags; "" when there is none.
	Extra, Meta string
	// Packet is the average size of a video packet in bytes.
	Packet int64
	// Out is the file to write.
	Out string
}

// queued bounds the bytes of packets that ffmpeg may read ahead of the video.
const queued = 32 << 20

// ahead returns how many packets ffmpeg may read ahead. With several inputs it sleeps for
// 10 ms whenever it has run dry, which by default is after 8 packets.
func (f Files) ahead() string {
	return strconv.FormatInt(max(8, min(1024, queued/max(1, f.Packet))), 10)
}

// origin returns the time, in seconds of the source, that becomes 0 in the deliverable:
// the start of whatever begins first.
func origin(p *plan.Plan) float64 {
	start := float64(p.Start()) * p.TimeBase.Float()
	for _, a := range p.Audio {
		start = min(start, a.Start)
	}
	return start
}

// Reads returns the files that ffmpeg is given beside the video.
func (f Files) Reads() []string {
	return slices.DeleteFunc(append(slices.Clone(f.Audio), f.Extra, f.Meta), func(path string) bool { return path == "" })
}

// Args returns ffmpeg's arguments: the joined video from standard input and all files,
// each shifted by its own start, copied into one container. Nothing in the output tells
// when or by which version it was made.
func Args(p *plan.Plan, container string, f Files, movieTimescale []string) []string {
	zero := origin(p)
	args := input(float64(p.Start())*p.TimeBase.Float()-zero, "-thread_queue_size", f.ahead(), "-f", "mp4", "-i", "pipe:0")
	maps := []string{"-map", "0:v:0"}
	inputs := 1
	for i, file := range f.Audio {
		open := []string{"-thread_queue_size", "1024", "-i", "file:" + file}
		at := p.Audio[i].Start - zero + f.Late[i]
		if lead, cut := leadIn(p.Audio[i], container); cut {
			open, at = append([]string{"-ss", strconv.FormatFloat(-lead, 'f', 6, 64)}, open...), at-lead
		}
		args = append(args, input(at, open...)...)
		maps = append(maps, "-map", strconv.Itoa(inputs)+":a:0")
		inputs++
	}
	if f.Extra != "" {
		args = append(args, input(p.ExtraStart-zero, "-i", "file:"+f.Extra)...)
		maps = append(maps, "-map", fmt.Sprintf("%d:s?", inputs))
		if container == "mkv" {
			maps = append(maps, "-map", fmt.Sprintf("%d:t?", inputs))
		}
		inputs++
	}
	if f.Meta != "" {
		args = append(args, input(-zero, "-f", "ffmetadata", "-i", "file:"+f.Meta)...)
		maps = append(maps, "-map_metadata", strconv.Itoa(inputs), "-map_chapters", strconv.Itoa(inputs))
	}
	args = append(args, maps...)
	args = append(args, "-c", "copy")
	if f.Extra != "" {
		args = append(args, "-c:s", SubtitleCodec(container))
	}
	args = append(args, tags(p, container, f)...)
	args = append(args, format(p, container, movieTimescale)...)
	return append(args, "-fflags", "+bitexact", "-y", "file:"+f.Out)
}

// leadIn returns how many seconds before its start a track's packets are taken. Matroska
// has no edit lists, so that what one hides would be heard: all of it but the packets with
// which a decoder gets going is left out.
func leadIn(a plan.Audio, container string) (seconds float64, cut bool) {
	switch {
	case container != "mkv" || a.Codec != "copy" || a.Ext == ".mka" || a.Stream.Codec == "opus" || a.Stream.SampleRate == 0:
		return 0, false
	case a.Stream.Codec == "aac":
		return 1024 / float64(a.Stream.SampleRate), true // and the packet in which that lies
	}
	return 0, true
}

// input opens an input shifted by seconds, to the microsecond.
func input(seconds float64, open ...string) []string {
	args := []string{"-protocol_whitelist", "file,pipe"}
	if !slices.Contains(open, "-f") { // one that is named is not guessed
		args = ffmpeg.Safe()
	}
	if seconds > 0.0000005 || seconds < -0.0000005 {
		args = append(args, "-itsoffset", strconv.FormatFloat(seconds, 'f', 6, 64))
	}
	return append(args, open...)
}

func format(p *plan.Plan, container string, movieTimescale []string) []string {
	switch container {
	case "mkv":
		return []string{"-f", "matroska"}
	case "ivf":
		return []string{"-f", "ivf"}
	}
	args := []string{"-strict", "experimental", "-movflags", "+faststart"}
	args = append(args, movieTimescale...)
	if p.Recipe.Codec == "libx265" {
		args = append(args, "-tag:v", "hvc1")
	}
	return append(args, "-f", container)
}
