import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from '@tanstack/react-router';
import { Frame } from './frame/Frame';
import { withTexts } from './i18n/i18n';
import { LoginPage } from './session/LoginPage';
import { getSession } from './session/session';
import { NotFound } from './view/NotFound';
import * as search from './search';

const root = createRootRoute({ component: Outlet, notFoundComponent: NotFound });

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  validateSearch: search.login,
  beforeLoad: ({ search }) => {
    if (getSession().kind === 'open') throw redirect({ href: search.next ?? '/' });
  },
  component: LoginPage,
});

const frame = createRoute({
  getParentRoute: () => root,
  id: 'frame',
  beforeLoad: ({ location }) => {
    if (getSession().kind !== 'none') return;
    throw redirect({ to: '/login', search: location.href === '/' ? {} : { next: location.href } });
  },
  component: Frame,
});

const dashboard = createRoute({
  getParentRoute: () => frame,
  path: '/',
  validateSearch: search.dashboard,
  component: lazyRouteComponent(() => import('./pages/dashboard/DashboardPage')),
});
// The list is the index of its own route: a path of no segments is none of a workflow.
const workflowsAll = createRoute({ getParentRoute: () => frame, path: '/workflows', component: Outlet });
const workflows = createRoute({
  getParentRoute: () => workflowsAll,
  path: '/',
  validateSearch: search.workflows,
  component: lazyRouteComponent(() => import('./pages/workflows/WorkflowsPage')),
});
const workflow = createRoute({
  getParentRoute: () => workflowsAll,
  path: '$',
  validateSearch: search.workflow,
  component: lazyRouteComponent(() => import('./pages/workflow/WorkflowPage')),
});
const orders = createRoute({
  getParentRoute: () => frame,
  path: '/orders',
  validateSearch: search.orders,
  component: lazyRouteComponent(() => import('./pages/orders/OrdersPage')),
});
const order = createRoute({
  getParentRoute: () => frame,
  path: '/orders/$id',
  validateSearch: search.order,
  component: lazyRouteComponent(() => import('./pages/order/OrderPage')),
});
const history = createRoute({
  getParentRoute: () => frame,
  path: '/history',
  validateSearch: search.history,
  component: lazyRouteComponent(() => import('./pages/history/HistoryPage')),
});
const inventory = createRoute({
  getParentRoute: () => frame,
  path: '/inventory',
  validateSearch: search.inventory,
  component: lazyRouteComponent(withTexts('objects', () => import('./pages/inventory/InventoryPage'))),
});
const deployments = createRoute({
  getParentRoute: () => frame,
  path: '/deployments',
  validateSearch: search.deployments,
  component: lazyRouteComponent(withTexts('objects', () => import('./pages/deployments/DeploymentsPage'))),
});
const deployment = createRoute({
  getParentRoute: () => frame,
  path: '/deployments/$id',
  validateSearch: search.deployment,
  component: lazyRouteComponent(withTexts('objects', () => import('./pages/deployments/DeploymentPage'))),
});
const release = createRoute({
  getParentRoute: () => frame,
  path: '/deployments/releases/$id',
  component: lazyRouteComponent(withTexts('objects', () => import('./pages/deployments/ReleasePage'))),
});
const agents = createRoute({
  getParentRoute: () => frame,
  path: '/agents',
  validateSearch: search.agents,
  component: lazyRouteComponent(withTexts('trust', () => import('./pages/agents/AgentsPage'))),
});
const agent = createRoute({
  getParentRoute: () => frame,
  path: '/agents/$name',
  validateSearch: search.part,
  component: lazyRouteComponent(withTexts('trust', () => import('./pages/parts/AgentPage'))),
});
const controller = createRoute({
  getParentRoute: () => frame,
  path: '/controllers/$name',
  validateSearch: search.part,
  component: lazyRouteComponent(withTexts('trust', () => import('./pages/parts/ControllerPage'))),
});
const cockpit = createRoute({
  getParentRoute: () => frame,
  path: '/cockpits/$name',
  validateSearch: search.part,
  component: lazyRouteComponent(withTexts('trust', () => import('./pages/parts/CockpitPage'))),
});
const certificates = createRoute({
  getParentRoute: () => frame,
  path: '/certificates',
  validateSearch: search.certificates,
  component: lazyRouteComponent(withTexts('certificates', () => import('./pages/certificates/CertificatesPage'))),
});
const profile = createRoute({
  getParentRoute: () => frame,
  path: '/profile',
  component: lazyRouteComponent(withTexts('profile', () => import('./pages/profile/ProfilePage'))),
});
const audit = createRoute({
  getParentRoute: () => frame,
  path: '/audit',
  validateSearch: search.audit,
  component: lazyRouteComponent(() => import('./pages/audit/AuditPage')),
});

const routes = root.addChildren([
  login,
  frame.addChildren([
    dashboard,
    workflowsAll.addChildren([workflows, workflow]),
    orders,
    order,
    history,
    inventory,
    deployments,
    deployment,
    release,
    agents,
    agent,
    controller,
    cockpit,
    certificates,
    audit,
    profile,
  ]),
]);

export function makeRouter() {
  return createRouter({
    routeTree: routes,
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
