// Stands for the shared CUDA runtime on a machine without a toolkit: the names, the version node and the soname of the
// real one, for programs to be linked with. Every call fails as it does without a driver. Declared without the runtime's
// headers, since only the names count to a linker.

extern "C" {

void** __cudaRegisterFatBinary(void*) { return nullptr; }

int cudaDriverGetVersion(int* version) {
  *version = 0;
  return 0;
}

char const* cudaGetErrorName(int) { return "cudaErrorInsufficientDriver"; }
char const* cudaGetErrorString(int) { return "there is no driver"; }

#define TIERPAGER_STUB(name) \
  int name() { return 35; }
TIERPAGER_STUB(cudaGetDeviceCount)
TIERPAGER_STUB(cudaGetDevice)
TIERPAGER_STUB(cudaSetDevice)
TIERPAGER_STUB(cudaRuntimeGetVersion)
TIERPAGER_STUB(cudaDeviceGetAttribute)
TIERPAGER_STUB(cudaMemGetInfo)
TIERPAGER_STUB(cudaStreamCreateWithFlags)
TIERPAGER_STUB(cudaStreamDestroy)
TIERPAGER_STUB(cudaStreamGetId)
TIERPAGER_STUB(cudaStreamIsCapturing)
TIERPAGER_STUB(cudaStreamWaitEvent)
TIERPAGER_STUB(cudaStreamSynchronize)
TIERPAGER_STUB(cudaStreamQuery)
TIERPAGER_STUB(cudaEventCreateWithFlags)
TIERPAGER_STUB(cudaEventDestroy)
TIERPAGER_STUB(cudaEventRecord)
TIERPAGER_STUB(cudaEventQuery)
TIERPAGER_STUB(cudaMemcpyAsync)
TIERPAGER_STUB(cudaHostRegister)
TIERPAGER_STUB(cudaHostUnregister)
TIERPAGER_STUB(cudaHostAlloc)
TIERPAGER_STUB(cudaFreeHost)
TIERPAGER_STUB(cudaMalloc)
TIERPAGER_STUB(cudaFree)
TIERPAGER_STUB(cudaGetLastError)
TIERPAGER_STUB(cudaPeekAtLastError)
TIERPAGER_STUB(cudaThreadExchangeStreamCaptureMode)
TIERPAGER_STUB(cudaGetDriverEntryPointByVersion)
TIERPAGER_STUB(cudaLaunchHostFunc)
#undef TIERPAGER_STUB

}  // extern "C"
