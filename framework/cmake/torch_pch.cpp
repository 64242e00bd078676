// Owner of the precompiled ATen header that every libtorch library reuses.
