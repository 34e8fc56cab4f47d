/* Inside node/: the catalogue of the domain. */
#ifndef HY_NODE_CATALOGUE_H
#define HY_NODE_CATALOGUE_H

#include "internal.h"

/* True for the addresses of the domain's catalogue: messages to them are served, never passed on.
 */
bool hy__catalogue_has(const hy_node_server_t *n, const hy_str_t *url);
void hy__serve_catalogue(hy_session_t *s, hy_msg_t *m);

#endif
