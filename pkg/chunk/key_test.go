package chunk_test

import (
	"reflect"
	"testing"

	"github.com/reweave/reweave/pkg/chunk"
	"github.com/reweave/reweave/pkg/media"
	"github.com/reweave/reweave/pkg/recipe"
)

func n(v int) *int { return &v }

// full has a value in every field.
func full() recipe.Recipe {
	return recipe.Recipe{
		Settings: recipe.Settings{
			Codec: "libx264", Preset: "medium", CRF: n(23), QP: n(7), Keyint: 250, MinKeyint: 3, PixFmt: "yuv420p",
		},
		Encoder: "0123456789abcdef", Threads: 1, Rate: media.Rational{Num: 30000, Den: 1001}, Revision: 1,
		Picture: media.Picture{
			Width: 1920, Height: 1080, PixFmt: "yuv420p", SAR: media.Rational{Num: 1, Den: 1}, Range: "tv", Primaries: "bt709",
			Transfer: "bt709", Matrix: "bt709", ChromaLoc: "left", FieldOrder: "progressive", Mastering: "G(1,2)", Light: "1,2",
		},
	}
}

const (
	segment   = "5d41402abc4b2a76b9719d911017c5925d41402abc4b2a76b9719d911017c592"
	goldenKey = "8e1340b495f0755d6d6d0d429d67f6b3974b0e74783910da53a243f0f9eeb28e"
	audioKey  = "dc3fad62c2022dabafd9c29072e50fc5fc364a78ed2fd0de366bcf2c10044286"
)

// The keys of chunks that lie in stores today: a change here throws them all away.
func TestKeysAreStable(t *testing.T) {
	if got := chunk.Key(segment, 2, 48, full()); got != goldenKey {
		t.Errorf("chunk key %s", got)
	}
	if got := chunk.AudioKey(segment, "aac", "0123456789abcdef"); got != audioKey {
		t.Errorf("audio key %s", got)
	}
}

func TestKeyChangesWithEveryInput(t *testing.T) {
	keys := map[string]string{chunk.Key(segment, 2, 48, full()): "nothing"}
	add := func(what, key string) {
		if len(key) != 64 || keys[key] != "" {
			t.Errorf("%s: key %s is that of %q", what, key, keys[key])
		}
		keys[key] = what
	}
	add("the segment", chunk.Key("6"+segment[1:], 2, 48, full()))
	add("the first frame", chunk.Key(segment, 3, 48, full()))
	add("the number of frames", chunk.Key(segment, 2, 49, full()))
	add("first 24, 8 frames", chunk.Key(segment, 24, 8, full()))
	changed := 0
	var walk func(path string, v reflect.Value, r *recipe.Recipe)
	walk = func(path string, v reflect.Value, r *recipe.Recipe) {
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i), r)
			}
			return
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Int, reflect.Int64:
			v.SetInt(v.Int() + 1)
		case reflect.Pointer:
			v.Set(reflect.ValueOf(n(int(v.Elem().Int()) + 1)))
			add(path+" changed", chunk.Key(segment, 2, 48, *r))
			v.SetZero()
		default:
			t.Fatalf("%s is of kind %s, which this test does not change", path, v.Kind())
		}
		add(path, chunk.Key(segment, 2, 48, *r))
		changed++
		v.Set(old)
	}
	r := full()
	walk("recipe", reflect.ValueOf(&r).Elem(), &r)
	if changed < 25 {
		t.Errorf("only %d fields were changed", changed)
	}
}

func TestAudioKeyChangesWithEveryInput(t *testing.T) {
	keys := map[string]bool{}
	for _, in := range [][3]string{{"a", "aac", "1"}, {"b", "aac", "1"}, {"a", "libopus", "1"}, {"a", "aac", "2"}} {
		keys[chunk.AudioKey(in[0], in[1], in[2])] = true
	}
	if len(keys) != 4 {
		t.Errorf("%d keys of 4 different inputs", len(keys))
	}
}
