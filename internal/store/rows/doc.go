// Package rows is the SQL of the Cockpit's database: how a record becomes a row,
// and a row a record.
//
// It owns all statements that are the same in every engine, which is nearly all.
// It must not know an engine: each gives it an Engine. An engine whose SQL has to
// differ somewhere embeds a Tx and has a method of its own. The engines call it.
//
// An engine has three kinds of columns: integers, texts, and bytes. Truth values
// are 0 and 1. Texts are compared, and sorted, byte by byte.
package rows
