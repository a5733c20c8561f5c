package otelauthn

import (
	"context"

	"github.com/authnfsm/authn"
)

// questions observes Questions.
type questions struct {
	inner           authn.Questions
	question, check *operation
}

func (t *Telemetry) questions(q authn.Questions) authn.Questions {
	return &questions{q, t.operation("questions", "question"), t.operation("questions", "check")}
}

func (q *questions) Question(ctx context.Context, user string) (string, error) {
	var x running
	ctx = x.begin(ctx, q.question)
	defer x.end()
	text, err := q.inner.Question(ctx, user)
	x.result = resultOf(err)
	return text, err
}

func (q *questions) Check(ctx context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	var x running
	ctx = x.begin(ctx, q.check)
	defer x.end()
	v, err := q.inner.Check(ctx, in)
	x.result = resultOf(err)
	return v, err
}
