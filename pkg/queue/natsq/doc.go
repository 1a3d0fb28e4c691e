// Package natsq carries the messages of package queue over NATS JetStream, and
// keeps the state of jobs in it.
//
//	stream    subjects                            kept until    what
//	JOBQ      jobq.<class>.<job>                  acked         split this job
//	SEG       seg.<class>.<build>.<job>.<task>    acked         encode this task
//	MUX       mux.<class>.<job>                   acked         mux this job
//	TASKS     split.<job>.<task>                  forgotten     the task, for whoever releases it
//	          claim.<chunk>.<job>                 forgotten     that the job needs the chunk
//	          claims.<job>.<number>               forgotten     that it needs thousands
//	          condemned                           for ever      the chunks that are being evicted
//	DONE      done.<job>.<task>                   forgotten     the result; the first one wins
//	ATTEMPTS  try.<job>.<task>                    forgotten     the last 64 tries at the task
//	EVENTS    evt.<job>.<type>                    30 days       CloudEvents, one of each type per job
//	KV jobs                                       for ever      the jobs, changed by compare-and-swap
//	KV requests                                   7 days        idempotency key → job
//	KV workers                                    a lease       encoders that live
//	KV encoders                                   for ever      encoder builds ever seen
//	KV slots                                      for ever      who holds the slots of a tenant that has a limit
//	KV memory                                     for ever      how much memory each kind of encode has taken at the most
//	KV tenants                                    for ever      accounts of tenants that have limits, for the api alone
//	KV secrets                                    90 days       secrets of webhooks, for the api alone
//
// Core NATS carries what may be lost: progress.<job>, cancel.<job>, and poke.>,
// which wakes workers that wait.
//
// A lease is the right to work on a message for [Config.AckWait]; whoever does not
// extend it in time loses it to another worker. It is no proof of ownership: a
// worker that lost its lease is still told that its acknowledgement succeeded. So
// nothing but a done record says that a task is finished, and every step of the
// protocol may be repeated: enqueueing what is pending, committing what is done
// and publishing what was published change nothing and are no errors.
//
// All methods of a Bus are safe for concurrent use. A question that the server does
// not answer within 5 s fails, whatever the context's deadline.
package natsq
