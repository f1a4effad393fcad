// Package mirror keeps in memory what people look at most: the open orders of one
// Controller, as its events tell of them.
//
// It owns the picture and the questions that can be asked of it: which orders are
// in which state, which need a person, how many stand at which position of a
// workflow. It decides nothing, knows no HTTP and no database, and reads nothing by
// itself: the Cockpit's follower loads it with the orders of its database and feeds
// it the events behind them. Whoever needs what the Controller has *now*, a command
// above all, asks the Controller.
//
// All questions are answered by looking at every order once, which takes some
// milliseconds for 100,000 of them: there are no indexes that could be wrong.
package mirror
