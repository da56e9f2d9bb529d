// Catalogs of models many of whose tensors are smaller than a GPU's granule of 2 MiB: real files' sizes, and the shapes of
// image models. No bytes and no file. Pure, any thread.
#pragma once

#include <tierpager/catalog.hpp>

namespace tierpager::test {

/// The 272 tensors of SmolLM2-135M-Instruct.Q4_1.gguf, 92 MiB; the embedding in blocks of 1,024 rows.
catalog smollm2_135m_q4_1();
/// The 236 tensors of Gemma 3 270M in Q4_K_M, 235 MiB; the embedding in blocks of 1,024 rows.
catalog gemma3_270m_q4_k_m();
/// The UNet of SDXL in fp16, its transformer blocks: 1,400 tensors, 880 of them below 1 MiB.
catalog sdxl_like();
/// The transformer of FLUX.1 in bf16: 780 tensors, 456 of them biases and norms below 48 KiB.
catalog flux_like();
/// The encoder of T5 v1.1 XXL in fp16: 219 tensors, 49 of them norms of 8 KiB.
catalog t5_xxl_encoder();
/// 400 tensors of 1.9 to 2.1 MiB, no two alike.
catalog nearly_equal();

}  // namespace tierpager::test
