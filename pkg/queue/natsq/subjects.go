package natsq

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/reweave/reweave/pkg/job"
	"github.com/reweave/reweave/pkg/queue"
)

var (
	tokenRE = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	taskRE  = regexp.MustCompile(`^[va](0|[1-9][0-9]{0,8})$`)
	keyRE   = regexp.MustCompile(`^[A-Za-z0-9_=-][A-Za-z0-9_=.-]{0,254}$`)
)

// checkJob refuses what would not be one plain token of a subject: a dot or a
// wildcard in a job's id would reach other jobs' messages.
func checkJob(id string) error {
	if !tokenRE.MatchString(id) {
		return fmt.Errorf("check job id %q: not a plain token", id)
	}
	return nil
}

func checkTask(jobID string, id queue.TaskID) error {
	if err := checkJob(jobID); err != nil {
		return err
	}
	if !taskRE.MatchString(string(id)) {
		return fmt.Errorf("check task id %q: want v<number> or a<number>", id)
	}
	return nil
}

func checkBuild(build string) error {
	if !tokenRE.MatchString(build) {
		return fmt.Errorf("check encoder build %q: not a plain token", build)
	}
	return nil
}

// orNormal returns the class; a job that names none is of the normal one.
func orNormal(c job.Class) (job.Class, error) {
	if c == "" {
		return job.Normal, nil
	}
	if !slices.Contains(job.Classes, c) {
		return "", fmt.Errorf("check priority class %q: unknown", c)
	}
	return c, nil
}

// record builds the subject of a task's record, such as done.<job>.<task>.
func record(kind, jobID string, id queue.TaskID) string {
	return kind + "." + jobID + "." + string(id)
}

// records matches all records of a kind that a job has.
func records(kind, jobID string) string { return kind + "." + jobID + ".>" }
