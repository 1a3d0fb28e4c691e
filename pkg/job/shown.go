package job

import (
	"slices"
	"strings"
)

// hiddenQuery stands for a query that is not told.
const hiddenQuery = "?…"

// ShownSource returns a source as it is told to others: of a URL without user, query and
// fragment, which may hold a key to what it names, such as the signature of a presigned
// link. It takes apart by hand what may be no URL at all.
func ShownSource(source string) string {
	switch kind := KindOf(source); {
	case source == "", kind == LocalPath, kind == Stdin, kind == Upload:
		return source
	}
	scheme, rest, found := strings.Cut(source, "://")
	if !found {
		scheme, rest, _ = strings.Cut(source, ":")
	}
	hidden := ""
	if i := strings.IndexAny(rest, "?#"); i >= 0 {
		rest, hidden = rest[:i], hiddenQuery
	}
	host, path, within := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = "…" + host[i:]
	}
	if within {
		host += "/"
	}
	return scheme + map[bool]string{true: "://", false: ":"}[found] + host + path + hidden
}

// Shown returns s as it is told to others: see [ShownSource]. The address of a webhook is
// told like that, too.
func (s Spec) Shown() Spec {
	s = s.withSources(func(source, _ *string) { *source = ShownSource(*source) })
	if s.Webhook != nil {
		hook := *s.Webhook
		hook.URL, hook.Secret = ShownSource(hook.URL), ""
		s.Webhook = &hook
	}
	return s
}

// WithShownNames returns s with names as they are told to others: a name may be the whole
// source.
func (s Spec) WithShownNames() Spec {
	return s.withSources(func(_, name *string) {
		if strings.Contains(*name, "://") {
			*name = ShownSource(*name)
		}
	})
}

// withSources returns a copy of s in which each source and its name were changed.
func (s Spec) withSources(change func(source, name *string)) Spec {
	change(&s.Source, &s.Name)
	s.Edits = slices.Clone(s.Edits)
	for i := range s.Edits {
		change(&s.Edits[i].Source, &s.Edits[i].Name)
	}
	if s.Sound != nil {
		sound := *s.Sound
		change(&sound.Source, &sound.Name)
		s.Sound = &sound
	}
	return s
}

// Shown returns j as it is told to others: see [Spec.Shown].
func (j Job) Shown() Job {
	j.Spec = j.Spec.Shown()
	return j
}
