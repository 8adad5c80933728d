#pragma once

/// Everything a file with domain code needs: messages, values, aggregates, sagas, projections.
#include "tidemark/core/aggregate.hpp"
#include "tidemark/core/combine.hpp"
#include "tidemark/core/context.hpp"
#include "tidemark/core/decision.hpp"
#include "tidemark/core/effect.hpp"
#include "tidemark/core/ids.hpp"
#include "tidemark/core/message.hpp"
#include "tidemark/core/projection.hpp"
#include "tidemark/core/saga.hpp"
#include "tidemark/core/scope.hpp"
#include "tidemark/core/steps.hpp"
#include "tidemark/core/types.hpp"
#include "tidemark/core/version.hpp"
