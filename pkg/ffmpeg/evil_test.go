package ffmpeg_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/reweave/reweave/pkg/demux"
	"github.com/reweave/reweave/pkg/fault"
	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
)

func find(t *testing.T) *ffmpeg.Tool {
	t.Helper()
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// secret is a file that ffmpeg would gladly decode, and a server that it would gladly ask.
type secret struct {
	path   string
	url    string
	asked  atomic.Int32
	frames string
}

func newSecret(t *testing.T) *secret {
	t.Helper()
	s := &secret{path: filepath.Join(t.TempDir(), "secret.y4m")}
	s.frames = "YUV4MPEG2 W16 H16 F25:1 Ip A1:1 C420\n" + strings.Repeat("FRAME\n"+strings.Repeat("S", 16*16*3/2), 3)
	if err := os.WriteFile(s.path, []byte(s.frames), 0o600); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		_, _ = w.Write([]byte(s.frames))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// playlists are sources that hold no media and name what is not the user's to read.
func playlists(s *secret) map[string]string {
	hls := func(uri string) string {
		return "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n" + uri + "\n#EXT-X-ENDLIST\n"
	}
	return map[string]string{
		"hls with a file":        hls("file://" + s.path),
		"hls with passwd":        hls("file:///etc/passwd"),
		"hls with a path":        hls(s.path),
		"hls with concat:":       hls("concat:" + s.path + "|" + s.path),
		"hls with subfile":       hls("subfile,,start,0,end,64,,:" + s.path),
		"hls with crypto":        hls("crypto+file://" + s.path),
		"hls with a url":         hls(s.url + "/x.ts"),
		"hls with metadata host": hls("http://169.254.169.254/latest/meta-data/"),
		"hls in hls":             "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nfile://" + s.path + "\n",
		"hls with a map":         "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MAP:URI=\"file://" + s.path + "\"\n#EXTINF:1,\n" + s.path + "\n#EXT-X-ENDLIST\n",
		"concat":                 "ffconcat version 1.0\nfile '" + s.path + "'\n",
		"concat with a url":      "ffconcat version 1.0\nfile '" + s.url + "/x.y4m'\n",
		"dash": `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4">` +
			`<Representation id="1" bandwidth="1"><BaseURL>file://` + s.path + `</BaseURL><SegmentBase/></Representation></AdaptationSet></Period></MPD>`,
		"sdp":      "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
		"smil":     `<SmoothStreamingMedia MajorVersion="2" MinorVersion="0" Duration="1"><StreamIndex Url="file://` + s.path + `"/></SmoothStreamingMedia>`,
		"avisynth": "FFVideoSource(\"" + s.path + "\")\n",
		"vobsub":   "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\ntimestamp: 00:00:00:000, filepos: 000000000\n",
		"rtsp":     "rtsptext\nrtsp://127.0.0.1/x\n",
		"asx":      "<asx version=\"3.0\"><entry><ref href=\"" + strings.Replace(s.url, "http", "mmsh", 1) + "/x.asf\"/></entry></asx>\n",
		"asf refs": "[Reference]\r\nRef1=" + s.url + "/x.asf?MSWMExt=.asf\r\nRef2=mms://127.0.0.1/x.asf\r\n",
		"image2":   "file://" + filepath.Dir(s.path) + "/%s.y4m\n",
		"mv":       "redir " + s.url + "\n",
	}
}

// A source that names others gets nothing, under whatever name and by whichever way it
// comes: the error says so, holds nothing of the file, and nobody was asked.
func TestPlaylistsGetNothing(t *testing.T) {
	tool, s := find(t), newSecret(t)
	for name, text := range playlists(s) {
		for _, file := range []string{"film.m3u8", "film.mp4", "film.ts", "film.mkv"} {
			path := filepath.Join(t.TempDir(), file)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			ins := []ffmpeg.Input{{Path: path, Name: file}}
			if file == "film.mp4" { // a stream has no name to go by
				ins = append(ins, ffmpeg.Input{Name: file})
			}
			for _, in := range ins {
				src, err := tool.Probe(t.Context(), in, []byte(text))
				e, ok := errors.AsType[*fault.Error](err)
				if !ok || e.Class != fault.User || e.Type != "unsupported-source" && e.Type != "not-media" {
					t.Errorf("%s as %s: %+v, %v", name, file, src, err)
					continue
				}
				nothing(t, name, s, fmt.Sprint(err, e.Log, src))
			}
		}
		path := filepath.Join(t.TempDir(), "film.mov")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		// Whoever gets past the probe finds the next reader as strict.
		d, err := demux.Open(t.Context(), tool, ffmpeg.Input{Path: path, Name: "film.mov"}, media.Source{}, nil, nil)
		if err == nil {
			d.Close()
			t.Errorf("%s was opened", name)
		}
		nothing(t, name, s, fmt.Sprint(err))
	}
}

func nothing(t *testing.T, name string, s *secret, said string) {
	t.Helper()
	for _, word := range []string{"SSSS", "YUV4MPEG2", "root:"} {
		if strings.Contains(said, word) {
			t.Errorf("%s: what is said holds %q: %s", name, word, said)
		}
	}
	if n := s.asked.Load(); n != 0 {
		t.Errorf("%s: the server was asked %d times", name, n)
	}
}

// Where the options that keep a source to itself were missing, the sandbox would do: the
// same command works once it is allowed the file.
func TestSandboxHoldsByItself(t *testing.T) {
	tool, s := find(t), newSecret(t)
	box := tool.Sandbox()
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, []byte("ffconcat version 1.0\nfile '"+s.path+"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	open := func(reads ...string) (string, error) {
		var out bytes.Buffer
		cmd := tool.Command(t.Context(), "-f", "concat", "-safe", "0", "-i", list, "-f", "rawvideo", "pipe:1")
		cmd.Reads(reads...)
		cmd.Stdout(&out)
		err := cmd.Run(t.Context())
		return out.String(), err
	}
	if out, err := open(list, s.path); err != nil || !strings.Contains(out, "SSSS") {
		t.Fatalf("a file that is allowed: %v", err)
	}
	if out, err := open(list); (err == nil || strings.Contains(out, "SSSS")) && box.Files != "" {
		t.Errorf("a file that is not allowed was read: %v", err)
	}
	cmd := tool.Command(t.Context(), "-i", s.url+"/x.y4m", "-f", "null", "-")
	if err := cmd.Run(t.Context()); box.Network != "" && (err == nil || s.asked.Load() != 0) {
		t.Errorf("a server was asked: %v", err)
	}
	out := filepath.Join(t.TempDir(), "out.y4m")
	write := func(dirs ...string) error {
		cmd := tool.Command(t.Context(), "-f", "lavfi", "-i", "testsrc=duration=0.2", "-pix_fmt", "yuv420p", "-y", out)
		cmd.Writes(dirs...)
		return cmd.Run(t.Context())
	}
	if err := write(filepath.Dir(out)); err != nil {
		t.Errorf("a directory that is allowed: %v", err)
	}
	if err := write(); err == nil {
		t.Error("a file was written that is not allowed")
	}
}

func BenchmarkChild(b *testing.B) {
	tool, err := ffmpeg.Find(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := tool.Command(b.Context(), "-f", "lavfi", "-i", "testsrc=size=16x16:duration=0.04", "-f", "null", "-").Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
