package fsys

// writeZeros makes f at least size bytes long by writing zeros after its end,
// for disks that can't allocate by themselves.
func writeZeros(f File, size int64) error {
	have, err := f.Size()
	if err != nil {
		return err
	}
	zeros := make([]byte, 1<<20)
	for have < size {
		n, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-have)], have)
		if err != nil {
			return err
		}
		have += int64(n)
	}
	return nil
}
