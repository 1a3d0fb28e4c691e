package patch_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"html"
	"image/jpeg"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/reweave/reweave/pkg/ffmpeg"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/media/mediatest"
	"github.com/reweave/reweave/pkg/patch"
)

// elements reads a page strictly, and counts its elements by name. What HTML allows and XML
// doesn't is closed first.
func elements(t *testing.T, page string) map[string]int {
	t.Helper()
	page = regexp.MustCompile(`<(meta|img)([^>]*)>`).ReplaceAllString(page, "<$1$2/>")
	count := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict = true
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		} else if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok {
			count[e.Name.Local]++
		}
	}
}

// report is one of a film of n frames in which every tenth is new.
func report(n int) *patch.Report {
	r := &patch.Report{
		Version: patch.Version, Rate: media.Rational{Num: 25, Den: 1}, Proved: true,
		Base:   patch.File{Name: `a"<script>alert(1)</script>.mp4`, SHA256: strings.Repeat("ab", 32), Frames: n},
		Output: patch.File{Name: "b&<b>.mp4", SHA256: strings.Repeat("cd", 32), Frames: n},
	}
	for at := 0; at+10 <= n; at += 10 {
		r.Changes = append(r.Changes, patch.Announced{Change: patch.Change{Old: patch.Frames{From: at, To: at + 1}, New: patch.Frames{From: at, To: at + 1}}, Why: "replaced"})
		r.Kept = append(r.Kept, patch.Kept{Old: patch.Frames{From: at + 1, To: at + 10}, New: patch.Frames{From: at + 1, To: at + 10}, SHA256: strings.Repeat("ef", 32)})
		r.Seams = append(r.Seams, patch.Seam{At: at + 1})
	}
	return r
}

func TestPageIsWholeHTMLAndBounded(t *testing.T) {
	for _, n := range []int{0, 10, 20_000} {
		var b bytes.Buffer
		if err := report(n).WritePage(&b, nil); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		got := elements(t, page)
		if want := min(n/10, 500); got["article"] != want || got["rect"] != n/10 || got["h1"] != 1 || got["main"] != 1 {
			t.Errorf("%d frames: a page with %d changes, want %d: %v", n, got["article"], want, got)
		}
		if got["script"] > 0 || strings.Contains(page, "src=\"http") || len(page) > 1<<20 {
			t.Errorf("%d frames: %d bytes with %d scripts", n, len(page), got["script"])
		}
		if !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("%d frames: the name of the file is not there, as it is", n)
		}
	}
}

// What must be looked at is told, whatever is one of its kind is so in its words, and
// timecodes that could be drop-frame are said not to be.
func TestPageTellsWhatToLookAt(t *testing.T) {
	r := report(10)
	r.Tracks = []patch.Track{{Number: 1, Same: true}}
	for _, c := range []struct {
		rate    media.Rational
		nonDrop bool
	}{{media.Rational{Num: 25, Den: 1}, false}, {media.Rational{Num: 30000, Den: 1001}, true}} {
		r.Rate = c.rate
		var b bytes.Buffer
		if err := r.WritePage(&b, nil, "Players <may> stumble.", "Frames lost."); err != nil {
			t.Fatal(err)
		}
		page := b.String()
		for _, want := range []string{
			"<li>Players &lt;may&gt; stumble.</li>", "<li>Frames lost.</li>", "<summary>1 seam decoded<", "<summary>1 track of sound or subtitles<", "<summary>1 stretch kept<",
			"1 stretch of it is new", "1 <small>frame</small>",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page doesn't say %q", want)
			}
		}
		if strings.Contains(page, "(non-drop)") != c.nonDrop {
			t.Errorf("at %s the page says of its timecodes that they leave no number out: %t", c.rate, !c.nonDrop)
		}
	}
}

func TestPageTellsOfASeamAtFault(t *testing.T) {
	r := report(20)
	r.Proved, r.Seams[1].Problem = false, "frame 11 is not frame 11 any more"
	var b bytes.Buffer
	if err := r.WritePage(&b, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Not proved.", "frame 11 is not frame 11 any more", "1 at fault"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page doesn't say %q", want)
		}
	}
}

// The pictures of a change show the frame that differs most, not only its middle.
func TestPicturesShowWhatChanged(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	film := func(filter string) string {
		return mediatest.Make(t, "a.mp4", "-f", "lavfi", "-i", "color=c=gray:s=160x90:r=25:d=4", "-vf", filter, "-c:v", "libx264", "-preset", "ultrafast", "-g", "25")
	}
	before, after := film("null"), film("drawbox=t=fill:c=white:enable='between(n,30,32)'")
	r, err := patch.ProveFiles(t.Context(), tool, before, after, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Changes) != 1 || r.Changes[0].New != (patch.Frames{From: 25, To: 50}) {
		t.Fatalf("%+v, want the group of pictures with frames 30 to 32", r.Changes)
	}
	r.Changes = append(r.Changes, patch.Announced{
		Change: patch.Change{Old: patch.Frames{From: 80, To: 80}, New: patch.Frames{From: 80, To: 90}}, Start: 3.2, End: 3.6, OldStart: 3.2, OldEnd: 3.2,
	})
	pairs, err := patch.Pictures(t.Context(), tool, r, before, after)
	if err != nil || len(pairs) != 2 {
		t.Fatal(len(pairs), err)
	}
	bright := func(b []byte) uint32 { return brightness(t, b) }
	if before, after := bright(pairs[0].Before), bright(pairs[0].After); before > 160 || after < 200 {
		t.Errorf("the pictures are of brightness %d and %d, want grey and white", before, after)
	}
	if pairs[1].Before != nil || bright(pairs[1].After) > 160 {
		t.Error("an insertion has a picture of what was before")
	}
	var b bytes.Buffer
	if err := r.WritePage(&b, pairs); err != nil {
		t.Fatal(err)
	}
	if want := base64.StdEncoding.EncodeToString(pairs[0].After); elements(t, b.String())["img"] != 3 || !strings.Contains(html.UnescapeString(b.String()), want) {
		t.Errorf("the page shows %d pictures, want 3", elements(t, b.String())["img"])
	}
}

// brightness is that of the middle of a picture.
func brightness(t *testing.T, b []byte) uint32 {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	y, _, _, _ := img.At(img.Bounds().Dx()/2, img.Bounds().Dy()/2).RGBA()
	return y >> 8
}

// So they do where there are more frames to look at than are held in the size of the pictures.
func TestPicturesOfLongChangesShowWhatChanged(t *testing.T) {
	mediatest.NoLeaks(t)
	tool, err := ffmpeg.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	film := func(filter string) string {
		return mediatest.Make(t, "a.mp4", "-f", "lavfi", "-i", "color=c=gray:s=160x90:r=25:d=40", "-vf", filter, "-c:v", "libx264", "-preset", "ultrafast", "-g", "250")
	}
	before, after := film("null"), film("drawbox=t=fill:c=white:enable='between(n,260,261)+between(n,990,991)'")
	r, err := patch.ProveFiles(t.Context(), tool, before, after, true)
	if err != nil || len(r.Changes) != 2 || r.Changes[0].New.Len()+r.Changes[1].New.Len() != 500 {
		t.Fatalf("%+v %v, want two changes of 250 frames", r, err)
	}
	pairs, err := patch.Pictures(t.Context(), tool, r, before, after)
	if err != nil || len(pairs) != 2 {
		t.Fatal(len(pairs), err)
	}
	for i, p := range pairs {
		if before, after := brightness(t, p.Before), brightness(t, p.After); before > 160 || after < 200 {
			t.Errorf("the pictures of change %d are of brightness %d and %d, want grey and white", i, before, after)
		}
	}
}
