package e2e

import (
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/reweave/reweave/internal/testenv"
)

// Sound is a decoded audio track, its first channel.
type Sound struct {
	// Rate is in samples a second.
	Rate    int
	Samples []float32
	// blocks are the decoded frames, each with the time of its first sample.
	blocks []block
}

// block begins at sample number at, which is heard at time seconds.
type block struct {
	at   int
	time float64
}

// Start is the time of the first sample, in seconds on the file's clock.
func (s Sound) Start() float64 { return s.blocks[0].time }

// End is the time behind the last sample.
func (s Sound) End() float64 { return s.time(len(s.Samples)) }

// time returns when a sample is heard.
func (s Sound) time(i int) float64 {
	b := s.blocks[0]
	for _, next := range s.blocks {
		if next.at > i {
			break
		}
		b = next
	}
	return b.time + float64(i-b.at)/float64(s.Rate)
}

// showInfo matches what the filter ashowinfo tells of each decoded frame.
// Its times are in samples.
var showInfo = regexp.MustCompile(`n:\d+ pts:(-?\d+) .* rate:(\d+) nb_samples:(\d+) `)

// Listen decodes the n-th audio track of a file, with the times that the container and
// the codec give its samples, and neither stretched nor filled up.
func Listen(t testing.TB, path string, n int) Sound {
	t.Helper()
	pcm, said := FFmpeg(t, "-v", "info", "-copyts", "-i", path, "-map", fmt.Sprintf("0:a:%d", n),
		"-af", "ashowinfo,pan=mono|c0=c0", "-f", "f32le", "-")
	var s Sound
	at := 0
	for _, m := range showInfo.FindAllStringSubmatch(said, -1) {
		pts, err1 := strconv.Atoi(m[1])
		rate, err2 := strconv.Atoi(m[2])
		size, err3 := strconv.Atoi(m[3])
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatalf("read %q", m[0])
		}
		s.Rate = rate
		s.blocks = append(s.blocks, block{at, float64(pts) / float64(rate)})
		at += size
	}
	if at == 0 || len(pcm) != 4*at {
		t.Fatalf("%s has %d bytes of sound for %d samples", path, len(pcm), at)
	}
	for i := range at {
		s.Samples = append(s.Samples, math.Float32frombits(binary.LittleEndian.Uint32([]byte(pcm[4*i:]))))
	}
	return s
}

// Clicks returns the times of the loudest sample of each click. Clicks are at least
// half a second apart.
func (s Sound) Clicks() (times []float64) {
	loudest := float32(0)
	for _, v := range s.Samples {
		loudest = max(loudest, abs(v))
	}
	for i := 0; i < len(s.Samples); i++ {
		if abs(s.Samples[i]) < loudest/2 {
			continue
		}
		peak := i
		for k := i; k < min(i+s.Rate/4, len(s.Samples)); k++ {
			if abs(s.Samples[k]) > abs(s.Samples[peak]) {
				peak = k
			}
		}
		times = append(times, s.time(peak))
		i += s.Rate / 2
	}
	return times
}

func abs(v float32) float32 { return max(v, -v) }

// Flashes returns the times of the frames that are not like most others.
func Flashes(frames []testenv.Frame) (times []float64) {
	count := map[string]int{}
	usual := ""
	for _, f := range frames {
		if count[f.Hash]++; count[f.Hash] > count[usual] {
			usual = f.Hash
		}
	}
	for _, f := range frames {
		if f.Hash != usual {
			times = append(times, float64(f.PTS)*f.TimeBase.Float())
		}
	}
	return times
}

// Pitch returns how often a second the sound goes from below 0 to above, between its
// first and its third second.
func (s Sound) Pitch() int {
	n := 0
	for i := s.Rate; i < min(3*s.Rate, len(s.Samples)); i++ {
		if s.Samples[i-1] < 0 && s.Samples[i] >= 0 {
			n++
		}
	}
	return n / 2
}
