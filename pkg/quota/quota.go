// Package quota holds what a tenant may have at once, and decides what of it is free.
//
// An [Account] counts a tenant's open jobs and stored bytes, [Slots] the tasks that it has
// in the queue. Both are values that are kept elsewhere and changed by compare-and-swap:
// several services decide at the same time, and none remembers anything. Both name what
// they count, so that to take or to free the same thing twice changes nothing.
package quota

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Limits are what a tenant may have at once; 0 is for any number.
type Limits struct {
	// Jobs is how many jobs may be open: neither done, failed nor cancelled.
	Jobs int `json:"jobs"`
	// Bytes is how much may be stored of uploads and deliverables.
	Bytes int64 `json:"bytes"`
	// Slots is how many of the workers' slots the jobs may hold.
	Slots int `json:"slots"`
}

// Account is what a tenant has. The zero value is that of a tenant that has nothing.
type Account struct {
	// Jobs are the open jobs, with the time at which each asked for its place.
	Jobs map[string]time.Time `json:"jobs,omitempty"`
	// Stored are the sizes in bytes of what is stored, or has been promised room, by the
	// name that [Upload] or [Deliverable] gives it.
	Stored map[string]int64 `json:"stored,omitempty"`
	// Counted is when the objects themselves were last counted.
	Counted time.Time `json:"counted"`
}

// maxObjects bounds an account, which is kept as one value of at most a megabyte.
const maxObjects = 10_000

// Upload names an upload in an account.
func Upload(id string) string { return "upload/" + id }

// Deliverable names a job's deliverable in an account.
func Deliverable(job string) string { return "job/" + job }

// Used returns the bytes that are stored or promised.
func (a *Account) Used() (sum int64) {
	for _, n := range a.Stored {
		sum += n
	}
	return sum
}

// Open takes a place for a job and reports whether there was one. A job that has one
// already keeps it.
func (a *Account) Open(job string, now time.Time, l Limits) bool {
	if _, open := a.Jobs[job]; open {
		return true
	}
	if l.Jobs > 0 && len(a.Jobs) >= l.Jobs {
		return false
	}
	if a.Jobs == nil {
		a.Jobs = map[string]time.Time{}
	}
	a.Jobs[job] = now
	return true
}

// Close gives a job's place back.
func (a *Account) Close(job string) { delete(a.Jobs, job) }

// Store takes room for an object and reports whether there was as much. An object that has
// room already gets as much as it needs now.
func (a *Account) Store(name string, bytes int64, l Limits) bool {
	before, known := a.Stored[name]
	if l.Bytes > 0 && (a.Used()-before+bytes > l.Bytes || !known && len(a.Stored) >= maxObjects) {
		return false
	}
	a.Set(name, bytes)
	return true
}

// Set notes what is stored, whether it is allowed or not.
func (a *Account) Set(name string, bytes int64) {
	if a.Stored == nil {
		a.Stored = map[string]int64{}
	}
	a.Stored[name] = bytes
}

// Free gives the room of an object back.
func (a *Account) Free(name string) { delete(a.Stored, name) }

// Full reports whether nothing more may be stored.
func (a *Account) Full(l Limits) bool {
	return l.Bytes > 0 && (a.Used() >= l.Bytes || len(a.Stored) >= maxObjects)
}

// Count replaces what the account says of stored objects by those that there are. Uploads
// for which there is no object keep their room when promised says so: they are under way.
func (a *Account) Count(objects map[string]int64, now time.Time, promised func(upload string) bool) {
	for _, name := range slices.Collect(maps.Keys(a.Stored)) {
		_, there := objects[name]
		if id, upload := strings.CutPrefix(name, Upload("")); !there && (!upload || !promised(id)) {
			delete(a.Stored, name)
		}
	}
	for name, bytes := range objects {
		a.Set(name, bytes)
	}
	a.Counted = now
}
