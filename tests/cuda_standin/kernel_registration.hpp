// The bridge between the entry points that binaries with kernels need, and the world, whose headers those may not see.
// Any thread.
#pragma once

namespace tierpager::cuda_standin {

/// A kernel is to be launched: sets the last error, and returns it.
int note_refused_launch();

}  // namespace tierpager::cuda_standin
