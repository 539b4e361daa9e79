import { analyticsApiSettings } from '@sluice/analytics-api';
import { gatewaySettings } from '@sluice/gateway';
import { pipelineSettings } from '@sluice/pipeline';
import { z } from 'zod';
