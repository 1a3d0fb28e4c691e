package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/reweave/reweave/pkg/fault"
)

func TestErrorTellsTheWholeStory(t *testing.T) {
	for want, e := range map[string]*fault.Error{
		"a.mp4: the source is empty (give a video)": fault.Userf("empty-source", "a.mp4", "the source is empty", "give a video"),
		"it broke":                           {Title: "it broke"},
		"it broke: EOF":                      {Title: "it broke", Err: io.EOF},
		"segment 3: it broke: EOF (mend it)": {Title: "it broke", Where: "segment 3", Err: io.EOF, Hint: "mend it", Log: "never here"},
		"segment 3: it broke":                {Title: "it broke", Where: "segment 3"},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestOf(t *testing.T) {
	user := &fault.Error{Class: fault.User, Title: "inner", Err: io.EOF}
	for name, c := range map[string]struct {
		err  error
		want fault.Class
	}{
		"nobody classified it": {io.EOF, fault.Internal},
		"no error":             {nil, fault.Internal},
		"itself":               {user, fault.User},
		"wrapped":              {fmt.Errorf("split: %w", user), fault.User},
		"joined":               {errors.Join(io.EOF, user), fault.User},
		"the outermost counts": {&fault.Error{Class: fault.Retry, Title: "outer", Err: user}, fault.Retry},
	} {
		if got := fault.Of(c.err); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if !errors.Is(fmt.Errorf("split: %w", user), io.EOF) {
		t.Error("the cause is lost")
	}
}

func TestProblemOf(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want fault.Problem
		user bool
	}{
		"unclassified": {
			io.EOF, fault.Problem{Type: fault.TypeBase + "internal", Title: "internal error", Status: 500, Detail: "EOF"}, false,
		},
		"user": {
			fmt.Errorf("split: %w", fault.Userf("no-video", "a.wav", "no video", "give one")),
			fault.Problem{Type: fault.TypeBase + "no-video", Title: "no video", Status: 422, Detail: "split: a.wav: no video (give one)", Hint: "give one"},
			true,
		},
		"retry":     {&fault.Error{Class: fault.Retry, Type: "busy", Title: "busy"}, fault.Problem{Type: fault.TypeBase + "busy", Title: "busy", Status: 503, Detail: "busy"}, false},
		"hand over": {&fault.Error{Class: fault.HandOver, Type: "full", Title: "full"}, fault.Problem{Type: fault.TypeBase + "full", Title: "full", Status: 503, Detail: "full"}, false},
		"permanent": {&fault.Error{Class: fault.Permanent, Title: "bad", Log: "words"}, fault.Problem{Type: fault.TypeBase + "internal", Title: "bad", Status: 500, Detail: "bad", Log: "words"}, false},
	} {
		got := fault.ProblemOf(c.err)
		if got != c.want || got.UserMistake() != c.user {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestSlug(t *testing.T) {
	for uri, want := range map[string]string{
		fault.TypeBase + "no-video": "no-video", fault.TypeBase: fault.TypeBase, "about:blank": "about:blank", "": "",
	} {
		if got := (fault.Problem{Type: uri}).Slug(); got != want {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
}
