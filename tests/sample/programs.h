// Programs that draw a latent.
#pragma once
#include "dsl/program.h"

namespace gyre {

Program Lda();        // documents and words
Program Contexts();   // three keys: the weight has a factor by document, by author and by word
Program Priors();     // LDA whose prior is data, a number for each document and topic
Program Images();     // no keys: sizes, and a product over the columns of a matrix; its topics are
                      // then counted by a pass
Program Given();      // documents key no count: what their topics are is data
Program Estimated();  // LDA whose prior of documents is a parameter, by Minka's fixed point
Program Labels();     // no keys: topics by their sizes, and what a row is worth to each (data)

}  // namespace gyre
