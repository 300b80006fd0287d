// SPDX-License-Identifier: MIT
/** A script that ends before it joins. */
process.exit(7);
