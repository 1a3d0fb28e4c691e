package job

// Progress is what a running job tells several times a second, over core NATS: it
// may be lost, and the next one makes good for it.
type Progress struct {
	Job    string `json:"job"`
	State  State  `json:"state"`
	Chunks Chunks `json:"chunks"`
	// Frames of the whole deliverable that are encoded, of Total (0 until known).
	Frames int `json:"frames"`
	Total  int `json:"total"`
	// Worker and Task name who speaks when it is about one task; Task is "" when the
	// message is about the whole job.
	Worker string `json:"worker,omitempty"`
	Task   string `json:"task,omitempty"`
	// TaskFrames are the frames of this task that are encoded, of TaskTotal.
	TaskFrames int `json:"task_frames,omitempty"`
	TaskTotal  int `json:"task_total,omitempty"`
}

// The types of the CloudEvents a job publishes on the stream of events, one for
// each change of its state.
const (
	EventPrefix    = "dev.reweave.job."
	EventQueued    = EventPrefix + "queued"
	EventSplit     = EventPrefix + "split"
	EventDone      = EventPrefix + "done"
	EventFailed    = EventPrefix + "failed"
	EventCancelled = EventPrefix + "cancelled"
)
